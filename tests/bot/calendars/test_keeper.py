"""The keeper against a real calendar's server: what changes there, bots follow; what goes wrong is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.calendars import shape
from bot.calendars.connect import connect
from bot.calendars.ics import feed
from bot.calendars.ics.source import IcsSource
from bot.calendars.keeper import Keeper
from bot.calendars.model import Rules
from bot.calendars.policy import Policy
from bot.calendars.sources import Read
from bot.domain import webhook_events
from bot.egress.addresses import AddressRefused, parse_networks
from bot.egress.requests import Egress
from bot.store import (
    calendar_channels,
    calendar_events,
    characters,
    tables,
    webhook_deliveries,
    webhook_endpoints,
    workspaces,
)
from bot.store.calendar_tables import calendars as table
from bot.store.calendars import Calendar, CalendarConnected, change, due_now, list_all, remove
from tests.bot.calendars.desk import event
from tests.bot.calendars.feeds import ZOOM, vevent
from tests.bot.calendars.feeds import feed as ics
from tests.bot.calendars.publishers import Office, Publisher, office_of, publishing
from tests.bot.clocks import LoopClock, until
from tests.bot.stores import NOW, Seeded

pytestmark = [pytest.mark.slow, pytest.mark.parallel]


def meeting(at: str, *lines: str) -> str:
    return ics(vevent("a", f"LOCATION:{ZOOM}", *lines, start=f":20261121T{at}00Z", end=":20261121T200000Z"))


async def test_bots_follow_a_feed_that_nobody_tells_of_within_ten_minutes(sqlite_store: Seeded, tmp_path: Path) -> None:
    office = office_of(sqlite_store, tmp_path)
    async with publishing(Publisher(meeting("1500"))) as publisher:
        await office.connect(publisher.url)
        await office.pass_time(minutes=1)
        assert await office.joins() == ["11-21 15:00"]
        for text, joins in (
            (meeting("1630"), ["11-21 16:30"]),
            (meeting("1630", "STATUS:CANCELLED"), []),
            (meeting("1200"), ["11-21 12:00"]),
        ):
            publisher.text = text
            await office.pass_time(minutes=10)
            assert await office.joins() == joins


async def test_what_has_not_changed_is_not_sent_again_and_read_anew_twice_a_day(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    office = office_of(sqlite_store, tmp_path, policy=Policy(every_s=50 * 60.0, jitter=0.0))
    daily = ics(vevent("d", f"LOCATION:{ZOOM}", "RRULE:FREQ=DAILY", start=":20261101T090000Z", end=":20261101T093000Z"))
    async with publishing(Publisher(daily)) as publisher:
        await office.connect(publisher.url)
        await office.pass_time(minutes=110)
        assert publisher.answers[0] == 200 and set(publisher.answers[1:]) == {304}
        assert (await office.joins())[-1] == "12-19 09:00"
        await office.pass_time(minutes=24 * 60)
        assert publisher.answers.count(200) == 3 and (await office.joins())[-1] == "12-20 09:00"


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        (401, "feed_refused", "action_required"),
        (403, "feed_refused", "action_required"),
        (404, "feed_gone", "active"),
        (410, "feed_gone", "active"),
        (429, "feed_unavailable", "active"),
        (500, "feed_unavailable", "active"),
        (302, "feed_unavailable", "active"),
    ],
)
async def test_what_a_server_answers_is_told_with_the_calendar(
    sqlite_store: Seeded, tmp_path: Path, status: int, code: str, state: str
) -> None:
    office = office_of(sqlite_store, tmp_path)
    async with publishing(Publisher(status=status)) as publisher:
        publisher.headers = {"Location": publisher.url} if status == 302 else {}
        await office.connect(publisher.url)
        await office.keeper.sync_due()
        found = await office.calendar()
        assert (found.code, found.state, found.failures) == (code, state, 1)


async def test_a_feed_that_fails_for_a_while_keeps_its_bots_and_is_asked_less_often(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    office = office_of(sqlite_store, tmp_path)
    async with publishing(Publisher(meeting("1500"))) as publisher:
        await office.connect(publisher.url)
        await office.pass_time(minutes=1)
        publisher.status = 503
        await office.pass_time(minutes=180)
        assert await office.joins() == ["11-21 15:00"] and len(publisher.answers) < 12
        publisher.status, publisher.text = 200, meeting("1900")
        await office.pass_time(minutes=61)
        assert (await office.joins(), (await office.calendar()).failures) == (["11-21 19:00"], 0)


async def test_a_workspaces_own_servers_are_told(sqlite_store: Seeded, tmp_path: Path) -> None:
    office = office_of(sqlite_store, tmp_path)
    async with sqlite_store.database.write() as session:
        mine = {"workspace_id": sqlite_store.workspace.id, "endpoint_id": tables.new_id(), "sealed_secret": "-"}
        wanted = list(webhook_events.OF_CALENDARS)
        hook = await webhook_endpoints.create(session, url="https://x.org/", events=wanted, now=NOW, **mine)
    async with publishing(Publisher(meeting("1500"))) as publisher:
        await office.connect(publisher.url)
        await office.pass_time(minutes=1)
        publisher.status = 403
        await office.pass_time(minutes=10)
    async with sqlite_store.database.read() as session:
        mine = {"workspace_id": sqlite_store.workspace.id, "endpoint_id": hook.id}
        told = await webhook_deliveries.list_newest(session, limit=9, **mine)
    assert [one.type for one in told] == ["calendar.action_required", "calendar.changed"]
    assert '"code":"feed_refused"' in told[0].body


async def test_a_feed_that_is_gone_for_good_asks_its_owner(sqlite_store: Seeded, tmp_path: Path) -> None:
    office = office_of(sqlite_store, tmp_path)
    async with publishing(Publisher(status=404)) as publisher:
        await office.connect(publisher.url)
        await office.pass_time(minutes=60)
        assert ((await office.calendar()).state, len(publisher.answers)) == ("action_required", 3)


async def test_a_calendar_that_waits_for_its_owner_sends_bots_for_one_more_day(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    office, times = office_of(sqlite_store, tmp_path), {"start": ":20261125T150000Z", "end": ":20261125T160000Z"}
    async with publishing(Publisher(ics(vevent("a", f"LOCATION:{ZOOM}", **times)))) as publisher:
        made = await office.connect(publisher.url)
        await office.pass_time(minutes=1)
        publisher.status = 401  # its secret address was withdrawn
        await office.pass_time(minutes=23 * 60)
        assert await office.keeper.let_go() == 0 and await office.joins() == ["11-25 15:00"]
        await office.pass_time(minutes=2 * 60)
        assert [await office.keeper.let_go() for _ in range(2)] == [1, 0] and await office.joins() == []
        publisher.status = 200
        async with sqlite_store.database.write() as session:
            await due_now(session, made.id, workspace_id=made.workspace_id, now=office.clock.now())
        await office.pass_time(minutes=1)
        assert await office.joins() == ["11-25 15:00"] and (await office.calendar()).state == "active"


async def test_what_is_no_calendar_is_refused_and_bots_stay(sqlite_store: Seeded, tmp_path: Path) -> None:
    office = office_of(sqlite_store, tmp_path)
    async with publishing(Publisher(meeting("1500"))) as publisher:
        await office.connect(publisher.url)
        await office.pass_time(minutes=1)
        publisher.text = "<html>Sign in</html>"
        await office.pass_time(minutes=10)
        assert (await office.calendar()).code == "no_calendar" and await office.joins() == ["11-21 15:00"]


async def test_a_redirect_to_what_is_no_address_is_the_feeds_failure(sqlite_store: Seeded, tmp_path: Path) -> None:
    office = office_of(sqlite_store, tmp_path)
    async with publishing(Publisher(status=302, headers={"Location": "http://["})) as publisher:
        await office.connect(publisher.url)
        await office.keeper.sync_due()
        assert (await office.calendar()).code == "feed_unavailable"


class _Mines:
    """A source for which some calendars are more than it can bear; the others hold nothing."""

    def __init__(self, *names: str) -> None:
        self._names = names

    async def read(self, calendar: Calendar, secret: str, *, now: datetime, policy: Policy) -> Read:
        if calendar.name in self._names:
            raise ValueError("nobody thought of this")
        return Read(events=[])

    async def close(self, calendar: Calendar, secret: str) -> None:
        raise ValueError("nor of this")


class _Silent(_Mines):
    """A source whose servers say nothing, but for one calendar."""

    def __init__(self, answers: asyncio.Event) -> None:
        super().__init__()
        self._answers, self.asked = answers, list[str]()

    async def read(self, calendar: Calendar, secret: str, *, now: datetime, policy: Policy) -> Read:
        if calendar.name != "good":
            self.asked.append(calendar.name)
            await self._answers.wait()
        return Read(events=[])


async def test_a_calendar_that_breaks_its_reader_keeps_no_other_from_being_read(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    office = office_of(sqlite_store, tmp_path, sources={"ics": _Mines("bad")})
    for name in ("bad", "good"):
        await office.connect(f"https://calendar.example.com/{name}.ics", name=name)
    assert await office.keeper.sync_due() == 2
    async with sqlite_store.database.read() as session:
        found = {one.name: one for one in await list_all(session, workspace_id=sqlite_store.workspace.id)}
    assert (found["bad"].code, found["bad"].state) == ("calendar_broken", "active")
    assert found["good"].code is None and found["good"].synced_at is not None


async def test_a_calendar_whose_provider_cannot_be_told_to_stop_is_dropped_all_the_same(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    office = office_of(sqlite_store, tmp_path, sources={"ics": _Mines()})
    made = await office.connect("https://calendar.example.com/a.ics")
    async with sqlite_store.database.write() as session:
        mine = {"workspace_id": made.workspace_id, "calendar_id": made.id, "token_sha256": "0" * 64}
        await calendar_channels.create(session, tables.new_id(), now=NOW, **mine)
        await remove(session, made.id, workspace_id=made.workspace_id, now=NOW)
    assert [await office.keeper.close_left() for _ in range(2)] == [1, 0]


async def test_a_calendar_may_be_disconnected_while_it_is_read(sqlite_store: Seeded, tmp_path: Path) -> None:
    office = office_of(sqlite_store, tmp_path)
    async with publishing(Publisher(meeting("1500"))) as publisher:
        made = await office.connect(publisher.url)

        async def disconnect() -> None:
            async with sqlite_store.database.write() as session:
                await remove(session, made.id, workspace_id=made.workspace_id, now=NOW)

        publisher.meanwhile = disconnect
        assert await office.keeper.sync_due() == 1 and publisher.answers == [200]
        assert await office.joins() == []


class _Slow(IcsSource):
    """What it has read is a while on its way."""

    meanwhile: Callable[[Calendar], Awaitable[None]] | None = None

    async def read(self, calendar: Calendar, secret: str, *, now: datetime, policy: Policy) -> Read:
        found = await super().read(calendar, secret, now=now, policy=policy)
        if self.meanwhile is not None:
            await self.meanwhile(calendar)
        return found


async def test_what_was_read_before_another_reading_does_not_come_after_it(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    source = _Slow(Egress(allow=parse_networks("127.0.0.1"), limits=feed.LIMITS))
    slow, fast = office_of(sqlite_store, tmp_path, sources={"ics": source}), office_of(sqlite_store, tmp_path)
    async with publishing(Publisher(meeting("1500"))) as publisher:

        async def read_newer(calendar: Calendar) -> None:
            publisher.text = meeting("1500", "STATUS:CANCELLED")
            await fast.keeper.sync(calendar)

        source.meanwhile = read_newer
        await slow.connect(publisher.url)
        await slow.keeper.sync_due()
        assert await slow.joins() == []
        source.meanwhile = None
        assert await slow.keeper.sync_due() == 1, "once more, as nobody knows which is the newer"


async def _strangers(store: Seeded, office: Office) -> Calendar:
    """A calendar of another workspace that is due later than those of the office."""
    async with store.database.write() as session:
        workspace = await workspaces.ensure(session, slug="strangers")
        new = characters.NewCharacter(name="Iris", image_path="/nowhere/iris.png", likeness="fictional")
        character = await characters.create(session, workspace_id=workspace.id, new=new)
        whose = {"workspace_id": workspace.id, "character_id": character.id, "rules": Rules()}
        later = NOW + timedelta(seconds=1)
        return await connect(session, office.vault, address="https://x.org/good", name="good", now=later, **whose)


async def test_servers_that_do_not_answer_keep_no_provider_and_no_other_workspace_waiting(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    office, hung = office_of(sqlite_store, tmp_path), asyncio.Event()
    slow = _Silent(hung)
    keeper = Keeper(
        sqlite_store.database,
        office.vault,
        {"ics": slow, "google": _Mines()},
        clock=LoopClock(),
        policy=Policy(poll_s=0.02),
    )
    for number in range(9):
        await office.connect(f"https://x.org/{number}", name="hung")
    watched = [await _strangers(sqlite_store, office), await office.connect("https://x.org/told", name="told")]
    async with sqlite_store.database.write() as session:
        await session.execute(sa.update(table).where(table.c.name == "told").values(provider="google"))

    async def all_read() -> bool:
        async with sqlite_store.database.read() as session:
            rows = await session.execute(sa.select(table.c.synced_at).where(table.c.id.in_([c.id for c in watched])))
        return all(at is not None for at in rows.scalars())

    running = asyncio.create_task(keeper.run())
    try:
        await until(all_read)
        assert slow.asked == ["hung"] * 3, "its own calendars wait for each other"
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_calendar_with_another_owner_is_read_anew_also_when_it_has_not_changed(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    office = office_of(sqlite_store, tmp_path)
    people = ("ORGANIZER:mailto:eve@own.org", "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@own.org")
    async with publishing(Publisher(meeting("1500", *people))) as publisher:
        made = await office.connect(publisher.url)
        await office.pass_time(minutes=1)
        assert await office.joins() == ["11-21 15:00"]
        async with sqlite_store.database.write() as session:
            mine = {"workspace_id": made.workspace_id, "now": NOW}
            await change(session, made.id, values={"owner": "ann@own.org"}, **mine)
        await office.pass_time(minutes=1)
        assert await office.joins() == [] and publisher.answers == [200, 200]


async def test_what_is_long_gone_is_forgotten_also_when_it_told_no_time(sqlite_store: Seeded, tmp_path: Path) -> None:
    office, gone = office_of(sqlite_store, tmp_path), event("x", at=None, cancelled=True)
    made = await office.connect("https://x.org/a.ics")
    mine = {"workspace_id": made.workspace_id, "calendar_id": made.id}
    for events in ([gone, replace(gone, id="y")], [gone]):
        async with sqlite_store.database.write() as session:
            fresh = [shape.stored(replace(one, calendar_id=made.id)) for one in events]
            await calendar_events.replace_all(session, events=fresh, now=NOW, **mine)
    assert await office.keeper.prune() == 0
    office.clock.advance(31 * 24 * 3600.0)
    assert await office.keeper.prune() == 1, "what the calendar still has stays"


async def test_a_provider_that_is_not_set_up_for_a_while_asks_no_owner_for_anything(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    without, office = office_of(sqlite_store, tmp_path, sources={"other": _Mines()}), office_of(sqlite_store, tmp_path)
    async with publishing(Publisher(meeting("1500"))) as publisher:
        await without.connect(publisher.url)
        await without.keeper.sync_due()
        found = await without.calendar()
        assert (found.state, found.code) == ("active", "no_source")
        await office.pass_time(minutes=2)
        assert await office.joins() == ["11-21 15:00"] and (await office.calendar()).code is None


async def test_a_redirect_to_a_private_network_is_refused(sqlite_store: Seeded, tmp_path: Path) -> None:
    office = office_of(sqlite_store, tmp_path)
    publisher = Publisher(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
    async with publishing(publisher):
        await office.connect(publisher.url)
        await office.keeper.sync_due()
        assert (await office.calendar()).code == "address_refused"


async def test_the_address_is_sealed_and_connected_once(sqlite_store: Seeded, tmp_path: Path) -> None:
    office = office_of(sqlite_store, tmp_path)
    url = "https://calendar.example.com/private-0123456789abcdef/basic.ics"
    made = await office.connect(url)
    kept: Any = (made.sealed_secret, made.shown_address, made.name, repr(made))
    assert "0123456789" not in " ".join(kept) and made.shown_address == "calendar.example.com/….ics"
    with pytest.raises(CalendarConnected):
        await office.connect(url.replace("https://", "webcal://"))


@pytest.mark.parametrize(
    "address", ["http://192.168.0.1/a.ics", "ftp://x.org/a", "file:///etc/passwd", "https://u:p@x.org/"]
)
def test_only_public_servers_are_asked(address: str) -> None:
    with pytest.raises(AddressRefused):
        feed.feed_address(address)
