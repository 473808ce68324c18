"""`understudy webhooks`: have a server of yours told what happens to bots, and look into how that went.

It writes to the database, so it works while the API does not; `understudy courier`, which `up` runs, does the sending.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.config import Settings
from bot.errors import BadInput

if TYPE_CHECKING:
    from bot.store.session import Session
    from bot.store.webhook_deliveries import Attempt, Delivery
    from bot.store.webhook_endpoints import Endpoint

HELP = "have a server told what happens"
STATES = ("waiting", "held", "delivered", "failed")


class UnknownEvent(BadInput):
    """There is no such event."""

    code = "unknown_event"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="tell this URL; prints the secret that verifies messages, this once")
    add.add_argument("url", metavar="URL", help="https, on a public server or in UNDERSTUDY_EGRESS_ALLOW")
    add.add_argument("--events", default="", metavar="A,B", help="only these, such as bot.ended,bot.failed")
    add.add_argument("--description", default="")
    actions.add_parser("list", help="the endpoints there are, and whether messages arrive")
    for name, line in {
        "remove": "tell it no more, and forget what was sent",
        "enable": "send again what was held, and all that happens",
        "disable": "hold what happens until it is enabled",
        "test": "send a message of the type webhook.test",
    }.items():
        actions.add_parser(name, help=line).add_argument("endpoint", metavar="ID")
    rotate = actions.add_parser("rotate", help="a new secret; the one before stays good for a while")
    rotate.add_argument("endpoint", metavar="ID")
    rotate.add_argument("--overlap-h", type=float, default=24.0, metavar="HOURS")
    shown = actions.add_parser("deliveries", help="what was sent and what waits, newest first; or one, with attempts")
    shown.add_argument("endpoint", metavar="ID")
    shown.add_argument("delivery", metavar="DELIVERY", nargs="?")
    shown.add_argument("--state", choices=STATES)
    shown.add_argument("--limit", type=int, default=20, metavar="N")
    again = actions.add_parser("replay", help="send again, under the same ids")
    again.add_argument("endpoint", metavar="ID")
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("--delivery", metavar="DELIVERY")
    which.add_argument("--since", type=_time, metavar="TIME", help="what happened since 2026-11-21T10:00Z")
    again.add_argument("--state", choices=STATES, help="only what is in this state")


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_run(args, settings))
    return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """One action: in one transaction of one workspace."""

    args: Any
    settings: Settings
    session: Session
    workspace_id: str
    now: datetime

    @property
    def owner(self) -> dict[str, Any]:
        return {"workspace_id": self.workspace_id}


async def _run(args: argparse.Namespace, settings: Settings) -> None:
    from bot.store import workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        work = _Work(args=args, settings=settings, session=session, workspace_id=workspace.id, now=datetime.now(UTC))
        lines = await _ACTIONS[args.action](work)
    for line in lines:  # only what is safe in the database is told
        print(line)


async def _add(work: _Work) -> list[str]:
    from bot.domain.webhook_events import EVENT_TYPES
    from bot.egress.addresses import parse, parse_networks
    from bot.store import webhook_endpoints
    from bot.store.tables import new_id

    events = [name.strip() for name in work.args.events.split(",") if name.strip()]
    if unknown := sorted(set(events) - set(EVENT_TYPES)):
        raise UnknownEvent(f"There is no event {', '.join(unknown)}; there are {', '.join(EVENT_TYPES)}.")
    url = parse(work.args.url, parse_networks(work.settings.egress_allow)).url
    endpoint_id = new_id()
    secret, sealed = _new_secret(work, endpoint_id)
    given = {"events": events, "description": work.args.description, "now": work.now, **work.owner}
    await webhook_endpoints.create(work.session, endpoint_id=endpoint_id, url=url, sealed_secret=sealed, **given)
    return [f"{endpoint_id}  {secret}"]


async def _list(work: _Work) -> list[str]:
    from bot.store import webhook_endpoints

    return [endpoint_line(found) for found in await webhook_endpoints.list_all(work.session, **work.owner)]


async def _remove(work: _Work) -> list[str]:
    from bot.store import webhook_endpoints

    removed = await webhook_endpoints.remove(work.session, work.args.endpoint, **work.owner)
    return [f"removed {removed.id}"]


async def _set_enabled(work: _Work) -> list[str]:
    from bot.store import webhook_endpoints

    values = {"enabled": work.args.action == "enable"}
    changed = await webhook_endpoints.change(
        work.session, work.args.endpoint, values=values, now=work.now, **work.owner
    )
    return [endpoint_line(changed)]


async def _rotate(work: _Work) -> list[str]:
    from bot.store import webhook_endpoints

    before = await webhook_endpoints.get(work.session, work.args.endpoint, **work.owner)
    secret, sealed = _new_secret(work, before.id)
    until = work.now + timedelta(hours=max(0.0, min(work.args.overlap_h, 7 * 24.0)))
    given = {"sealed_secret": sealed, "previous_until": until, "now": work.now, **work.owner}
    await webhook_endpoints.rotate(work.session, before.id, **given)
    return [f"{before.id}  {secret}", f"the secret before is good until {until:%Y-%m-%d %H:%M} UTC"]


async def _test(work: _Work) -> list[str]:
    from bot.domain.webhook_events import TEST
    from bot.store import webhook_deliveries, webhook_endpoints

    endpoint = await webhook_endpoints.lock_one(work.session, work.args.endpoint, **work.owner)
    if not endpoint.enabled:
        raise webhook_deliveries.EndpointDisabled
    data = {"endpoint_id": endpoint.id}
    made = await webhook_deliveries.add(work.session, endpoint, event_type=TEST, data=data, now=work.now)
    return [f"{made}  is on its way: `understudy webhooks deliveries {endpoint.id} {made}` says how it went"]


async def _deliveries(work: _Work) -> list[str]:
    from bot.store import webhook_deliveries, webhook_endpoints
    from bot.store.webhook_deliveries import DeliveryState

    args, session = work.args, work.session
    endpoint = await webhook_endpoints.get(session, args.endpoint, **work.owner)
    if args.delivery:
        found = await webhook_deliveries.get(session, args.delivery, endpoint_id=endpoint.id, **work.owner)
        log = await webhook_deliveries.log(session, found.id)
        return [delivery_line(found), found.body, *map(attempt_line, log)]
    state = DeliveryState(args.state) if args.state else None
    newest = await webhook_deliveries.list_newest(
        session, endpoint_id=endpoint.id, limit=max(1, args.limit), state=state, **work.owner
    )
    return [delivery_line(found) for found in newest]


async def _replay(work: _Work) -> list[str]:
    from bot.store import webhook_deliveries
    from bot.store.webhook_deliveries import DeliveryState, UnknownDelivery

    args = work.args
    states = (DeliveryState(args.state),) if args.state else tuple(DeliveryState)
    which = {"delivery_id": args.delivery, "since": args.since, "states": states}
    again = await webhook_deliveries.replay(work.session, args.endpoint, now=work.now, **which, **work.owner)
    if args.delivery and not again:
        raise UnknownDelivery(delivery_id=args.delivery)
    return [f"{again} sent again"]


_ACTIONS: dict[str, Callable[[_Work], Awaitable[list[str]]]] = {
    "add": _add,
    "list": _list,
    "remove": _remove,
    "enable": _set_enabled,
    "disable": _set_enabled,
    "rotate": _rotate,
    "test": _test,
    "deliveries": _deliveries,
    "replay": _replay,
}


def endpoint_line(endpoint: Endpoint) -> str:
    state = "active" if endpoint.enabled else f"disabled ({endpoint.disabled_reason})"
    failing = f", failing since {endpoint.failing_since:%Y-%m-%d %H:%M}" if endpoint.failing_since else ""
    events = ",".join(endpoint.events) or "all"
    return f"{endpoint.id}  {state + failing}  {events}  {endpoint.url}  {endpoint.description}".rstrip()


def delivery_line(delivery: Delivery) -> str:
    how = delivery.last_error or ("" if delivery.last_status is None else str(delivery.last_status))
    shown = (
        f"{delivery.sequence:>6}  {delivery.state:9}  {delivery.tries:>2} tries  {delivery.created_at:%m-%d %H:%M:%S}"
    )
    return f"{delivery.id}  {shown}  {delivery.type}  {how}".rstrip()


def attempt_line(attempt: Attempt) -> str:
    how = " ".join(filter(None, ("" if attempt.status is None else str(attempt.status), attempt.error)))
    return f"{attempt.number:>6}  {_at(attempt.at)}  {attempt.duration_ms:>6} ms  {how}  {attempt.answer}".rstrip()


def _at(time: datetime) -> str:
    return f"{time:%m-%d %H:%M:%S}"


def _new_secret(work: _Work, endpoint_id: str) -> tuple[str, str]:
    """The secret, and sealed."""
    from bot.store import webhook_endpoints
    from bot.vault import Vault
    from bot.webhooks import signing

    secret = signing.new_secret()
    return secret, Vault.of(work.settings).seal(secret, place=webhook_endpoints.place(endpoint_id))


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
