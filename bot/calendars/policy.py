"""The figures of calendars, in one place. A test gives its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    poll_s: float = 2.0  # between two looks for calendars that are due
    every_s: float = 300.0  # between two syncs of a feed: nobody tells us of a change
    jitter: float = 0.25  # of that, either way: not everybody at once
    settle_s: float = 30.0  # between two looks at what became of bots
    hide_s: float = 180.0  # a calendar taken and not synced comes back after so long
    concurrency: int = 4  # syncs at once, of one provider
    whole_s: float = 12 * 3600.0  # after so long a feed is read anew, changed or not: the window has moved on
    behind: timedelta = timedelta(days=1)
    ahead: timedelta = timedelta(days=28)
    first_retry_s: float = 60.0  # after a failure, doubled each time
    longest_retry_s: float = 3600.0
    gone_after: int = 3  # failures of an address that says it is not there, before its owner is asked
    close_tries: int = 8  # to have a provider stop telling us of a calendar that is disconnected
    keep: timedelta = timedelta(days=30)  # what is over
    trust: timedelta = timedelta(days=1)  # in what was read last, of a calendar that waits for its owner
    prune_s: float = 3600.0


DEFAULT = Policy()


def pause_s(policy: Policy, chance: float) -> float:
    """Until the next sync; `chance` is from 0 to 1."""
    return policy.every_s * (1 + policy.jitter * (2 * chance - 1))


def retry_s(policy: Policy, failures: int, asked_s: float | None) -> float:
    """Until the next try after so many failures in a row; a server may ask for more."""
    own_s = min(policy.longest_retry_s, policy.first_retry_s * float(1 << min(failures, 16)))
    return max(own_s, min(asked_s or 0.0, policy.longest_retry_s))
