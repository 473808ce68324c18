"""How often one key may ask: a bucket of tokens for each key and kind of request, in this process. Knows no HTTP.

Each API process counts for itself: with several behind a balancer a key may ask as often as all of them allow.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from bot.errors import BotError

WINDOW_S = 60.0
MOST_KEYS = 10_000  # who has not asked for longest is forgotten, and begins with a full bucket
UNLIMITED = frozenset({"kill_bot", "kill_all_bots"})  # nothing stands in the way of silence
# The page asks for each live bot's every few seconds: counted by themselves, they keep nobody from a list.
COUNTED_APART = frozenset({"show_bot_picture"})


class TooManyRequests(BotError):
    """This key asks too often; wait as long as `Retry-After` says."""

    code, http_status, retryable = "too_many_requests", 429, True


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a key stands after a request."""

    policy: str
    quota: int
    left: int
    full_in_s: int

    @property
    def headers(self) -> dict[str, str]:
        """Of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={WINDOW_S:.0f}',
            "RateLimit": f'"{self.policy}";r={self.left};t={self.full_in_s}',
        }


class Rates:
    """`reads` and `writes` a minute for each key; 0: as many as it likes."""

    def __init__(self, now_s: Callable[[], float], *, reads: int, writes: int) -> None:
        self._now_s, self._quotas = now_s, {"read": reads, "write": writes}
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()  # tokens, when

    def take(self, who: str, policy: str) -> tuple[Standing | None, float]:
        """How `who` stands, and for how many seconds to wait: 0 where the request may be done."""
        quota = self._quotas[policy]
        if not quota:
            return None, 0.0
        now_s, rate = self._now_s(), quota / WINDOW_S
        tokens, at_s = self._buckets.pop((who, policy), (float(quota), now_s))
        tokens = min(quota, tokens + (now_s - at_s) * rate)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / rate
        tokens -= 1 if tokens >= 1 else 0
        self._buckets[who, policy] = tokens, now_s
        if len(self._buckets) > MOST_KEYS:
            self._buckets.popitem(last=False)
        full_in_s = ceil((quota - tokens) / rate)
        return Standing(policy=policy, quota=quota, left=int(tokens), full_in_s=full_in_s), wait_s
