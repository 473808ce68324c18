"""`/metrics`: the installation's counters in Prometheus' text format, version 0.0.4.

Bots are processes of their own and write into the database what is counted; this reads, so any number of API processes
show the same and a scrape costs two queries, whatever the number of turns. What strangers can make an API process count
is written when that process is asked, or ends: they cannot make it write. They are the operator's figures,
over all workspaces, and hold nobody's words, names or links; so no workspace's API key opens them, but a token of the
operator's, or nothing where the API listens on loopback alone.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import CollectorRegistry

from bot.api.problems import Handler
from bot.api.routes import SERVICES
from bot.domain.figures import FIGURES, NO_BOUND, Figure, bound_name
from bot.domain.lifecycle import BotState
from bot.errors import BotError, Unavailable
from bot.log import get_log
from bot.store import counters
from bot.store.counters import Counted, Series

log = get_log(__name__)

PREFIX = "understudy_"
COUNTED_HERE: web.AppKey[Sequence[Callable[[], Awaitable[None]]]] = web.AppKey("counted_here", Sequence)


class BadMetricsToken(BotError):
    """The token of this installation's metrics is needed: Authorization: Bearer UNDERSTUDY_METRICS_TOKEN."""

    code, http_status = "bad_metrics_token", 401


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who may read them. `token` empty: everyone who reaches the API."""

    token: str = ""


def access(*, host: str, token: str) -> Access | None:
    """None: nobody, because the API is open to others than this machine and no token was set."""
    return Access(token=token) if token or _is_loopback(host) else None


def expose(allowed: Access) -> Handler:
    async def metrics(request: web.Request) -> web.Response:
        if allowed.token and not hmac.compare_digest(_shown(request), allowed.token.encode()):
            raise BadMetricsToken
        await count_up(request.app)
        async with request.app[SERVICES].database.read() as session:
            counted = await counters.read(session)
            states = await counters.bots_by_state(session)
        return web.Response(body=exposition(counted, states), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return metrics


async def count_up(app: web.Application) -> None:
    """Have the database know what this process has counted by itself; where it cannot now, it does the next time."""
    for count in app[COUNTED_HERE]:
        try:
            await count()
        except Unavailable as error:
            log.info("what was counted here waits for the database", code=error.code)


def exposition(counted: Counted, states: Mapping[BotState, int]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Collected([*_families(counted), _bots(states)]))
    return generate_latest(registry)


class _Collected:
    """What was read, as a collector of the Prometheus library."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _families(counted: Counted) -> Iterator[Metric]:
    for figure in FIGURES.values():
        series = dict(counted.get(figure.name, {}))
        if not figure.labels:
            series.setdefault((), Series())  # a series that is there from the start has a rate from its first count on
        yield _histogram(figure, series) if figure.bounds else _counter(figure, series)


def _counter(figure: Figure, series: Mapping[tuple[str, ...], Series]) -> Metric:
    family = CounterMetricFamily(PREFIX + figure.name, figure.meaning, labels=figure.labels)
    for labels, one in sorted(series.items()):
        family.add_metric(labels, one.value)
    return family


def _histogram(figure: Figure, series: Mapping[tuple[str, ...], Series]) -> Metric:
    family = HistogramMetricFamily(f"{PREFIX}{figure.name}_seconds", figure.meaning, labels=figure.labels)
    for labels, one in sorted(series.items()):
        total, buckets = 0, []
        for bound in (*map(bound_name, figure.bounds), NO_BOUND):
            total += one.buckets.get(bound, 0)
            buckets.append((bound, total))
        # A sum that can fall is no counter, so a histogram of values below zero has none.
        family.add_metric(labels, buckets, None if figure.bounds[0] < 0 else one.total)
    return family


def _bots(states: Mapping[BotState, int]) -> Metric:
    family = GaugeMetricFamily(PREFIX + "bots", "Bots that are not over, by state", labels=("state",))
    for state, count in states.items():
        family.add_metric((state.value,), count)
    return family


def _shown(request: web.Request) -> bytes:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip().encode("utf-8", "surrogateescape") if scheme.lower() == "bearer" else b""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
