"""The figures of scheduling, in one place. A test gives its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    poll_s: float = 0.5  # between two looks for due bots, waiting messages, expired leases
    claim_limit: int = 250  # bots in one claim; the next are claimed while these are handed over
    launch_ttl_s: float = 20.0  # from a claim until a bot host must have started the process
    start_ttl_s: float = 20.0  # from the start of the process until its first heartbeat
    attempts: int = 3  # starts that came to nothing before the bot is given up
    relay_limit: int = 1000  # messages in one delivery
    relay_hide_s: float = 10.0  # a message taken and not marked sent comes back after so long
    reap_limit: int = 100
    keep_sent_s: float = 7 * 24 * 3600.0  # messages sent and told of are kept for so long, to look into what happened
    keep_untold_s: float = 30 * 24 * 3600.0  # and those no courier has come for, as long as couriers keep their own
    prune_s: float = 600.0  # between two clean-ups


DEFAULT = Policy()
IN_A_CLUSTER = Policy(launch_ttl_s=180.0)  # a pod may have to wait for its image, or for a node
