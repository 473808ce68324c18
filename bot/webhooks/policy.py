"""When to try again, and what an answer means: every figure of delivering, and two tables. A test gives its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.store.webhook_deliveries import DeliveryState, Verdict

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    waits_s: tuple[float, ...] = (  # between tries, 75 hours in all: a receiver may be away for a weekend
        5.0,
        5 * MINUTE_S,
        30 * MINUTE_S,
        2 * HOUR_S,
        5 * HOUR_S,
        10 * HOUR_S,
        14 * HOUR_S,
        20 * HOUR_S,
        24 * HOUR_S,
    )
    jitter: float = 0.1  # each wait is up to this part shorter or longer, so that what failed together spreads
    longest_asked_s: float = DAY_S  # a Retry-After is heeded up to here
    disable_after_s: float = 60 * HOUR_S  # an endpoint where nothing arrived for so long, when a delivery is given up
    concurrency: int = 32  # requests at once, in all
    per_endpoint: int = 4
    per_workspace: int = 16  # one whose servers all hang leaves room for the others
    hide_s: float = 60.0  # a delivery taken and not concluded comes back after so long; longer than any request
    tell_limit: int = 500  # outbox rows in one transaction
    poll_s: float = 0.5
    keep_s: float = 30 * DAY_S  # deliveries that ended, and those held for a disabled endpoint
    prune_s: float = 600.0


DEFAULT = Policy()

ARRIVED = range(200, 300)
GONE = 410  # the receiver wants no more of anything
MEANINGS: tuple[tuple[range, str], ...] = (  # of other answers, for people who look into a delivery
    (range(300, 400), "redirected"),  # a redirect is never followed
    (range(410, 411), "gone"),
    (range(429, 430), "asked_to_wait"),
    (range(400, 500), "refused"),
    (range(500, 600), "receiver_failed"),
)


def error_of(status: int) -> str | None:
    """None: it arrived."""
    if status in ARRIVED:
        return None
    return next((meaning for statuses, meaning in MEANINGS if status in statuses), "unknown_answer")


def verdict(
    *,
    status: int | None,
    arrived: bool,
    tries: int,
    now: datetime,
    policy: Policy,
    random: float,
    asked_s: float | None = None,
) -> Verdict:
    """What follows from an attempt, the `tries`-th since the message was made or replayed. `random`: 0 to 1, spreads
    the waits. `asked_s`: what the receiver asked us to wait."""
    if arrived:
        return Verdict(state=DeliveryState.DELIVERED)
    if status == GONE:
        return Verdict(state=DeliveryState.FAILED, disable="gone")
    if tries > len(policy.waits_s):
        silent_since = now - timedelta(seconds=policy.disable_after_s)
        return Verdict(state=DeliveryState.FAILED, disable="unreachable", disable_if_failing_since=silent_since)
    wait_s = policy.waits_s[tries - 1] * (1 + policy.jitter * (2 * random - 1))
    wait_s = max(wait_s, min(asked_s or 0.0, policy.longest_asked_s))
    return Verdict(state=DeliveryState.WAITING, next_at=now + timedelta(seconds=wait_s))
