"""Changes of events and the bots there must be after them: (name, before, what happens meanwhile, after, bots).

Bots are (room, minutes from now at which it joins). A name of `MEANWHILE` is done between the two looks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.calendars.links import candidates
from bot.calendars.model import Kind, Response
from bot.domain.lifecycle import BotState
from connectors.base import Refusal
from tests.bot.calendars.desk import Calendars, Desk, event

S = BotState
IN_CALL = (S.STARTING, S.JOINING, S.IN_CALL)

MEANWHILE: dict[str, Callable[[Desk], Awaitable[None]]] = {
    "nothing": lambda desk: _nothing(desk),
    "the user stops it": lambda desk: desk.stop(),
    "it is claimed": lambda desk: desk.walk(),
    "it starts": lambda desk: desk.walk(S.STARTING),
    "it waits in the lobby": lambda desk: desk.walk(S.STARTING, S.JOINING, S.WAITING_ROOM),
    "it is in the call": lambda desk: desk.walk(*IN_CALL),
    "it has left in order": lambda desk: desk.walk(*IN_CALL, S.POST_PROCESSING, S.ENDED, code="everyone_left"),
    "the host removed it": lambda desk: desk.walk(*IN_CALL, S.POST_PROCESSING, S.ENDED, code="removed_by_host"),
    "it was denied": lambda desk: desk.walk(S.STARTING, S.JOINING, S.FAILED, code=Refusal.DENIED.value),
    "it failed": lambda desk: desk.walk(S.STARTING, S.FAILED, code="browser_died"),
    "it was lost": lambda desk: desk.walk(*IN_CALL, S.LOST, code="lease_expired"),
    "the user chooses it": lambda desk: desk.choose(True),
    "the user keeps it away": lambda desk: desk.choose(False),
    "an hour passes": lambda desk: _pass(desk, 60),
    "ten minutes pass": lambda desk: _pass(desk, 10),
}


async def _nothing(_desk: Desk) -> None:
    pass


async def _pass(desk: Desk, minutes: float) -> None:
    desk.wait(minutes)


def ann(*events: object) -> Calendars:
    return {"ann": list(events)}  # type: ignore[list-item]


def both(one: object, other: object | None = None) -> Calendars:
    return {"ann": [one], "bob": [other or one]}  # type: ignore[list-item]


A = event()
AT_10 = event(at=0)
WEEKLY = [event("w", 1440 * day, instance=1440 * day) for day in (1, 2, 3)]
MEET = candidates([("conference", "https://meet.google.com/abc-defg-hij")], added_by_calendar=True)
ZOOM_TOO = (*MEET, *candidates([("location", "https://zoom.us/j/000000007")]))

Change = tuple[str, Calendars, str, Calendars, list[tuple[int, float]]]

CHANGES: tuple[Change, ...] = (
    # an event appears, moves, goes
    ("it appears", ann(), "nothing", ann(A), [(1, 60)]),
    ("nothing changes", ann(A), "nothing", ann(A), [(1, 60)]),
    ("it is deleted", ann(A), "nothing", ann(), []),
    ("it is cancelled", ann(A), "nothing", ann(replace(A, cancelled=True)), []),
    (
        "it is cancelled and says no more",
        ann(A),
        "nothing",
        ann(replace(event(at=None, room=None), cancelled=True)),
        [],
    ),
    ("it is un-cancelled", ann(replace(A, cancelled=True)), "nothing", ann(A), [(1, 60)]),
    ("it is deleted and comes back", ann(A), "nothing", ann(event(at=90)), [(1, 90)]),
    ("it moves to later", ann(A), "nothing", ann(event(at=600)), [(1, 600)]),
    ("it moves to earlier", ann(A), "nothing", ann(event(at=20)), [(1, 20)]),
    ("its start alone changes", ann(A), "nothing", ann(event(at=50, lasts=40)), [(1, 50)]),
    ("its start changes by a minute", ann(A), "nothing", ann(event(at=61)), [(1, 61)]),
    ("its end alone changes", ann(A), "nothing", ann(event(lasts=90)), [(1, 60)]),
    ("its title alone changes", ann(A), "nothing", ann(replace(A, title="Other")), [(1, 60)]),
    ("it moves from the past to the future", ann(event(at=-300)), "nothing", ann(event(at=300)), [(1, 300)]),
    ("it moves from the future to the past", ann(A), "nothing", ann(event(at=-300)), []),
    ("it moves to where it is on, just begun", ann(A), "nothing", ann(event(at=-5)), [(1, -5)]),
    ("it moves to where it has been on for long", ann(A), "nothing", ann(event(at=-25, lasts=60)), []),
    ("it appears when it is over", ann(), "nothing", ann(event(at=-60)), []),
    # its link
    ("its link changes", ann(A), "nothing", ann(event(room=2)), [(2, 60)]),
    ("link and start change at once", ann(A), "nothing", ann(event(at=120, room=2)), [(2, 120)]),
    ("its link goes", ann(A), "nothing", ann(event(room=None)), []),
    ("a link is added", ann(event(room=None)), "nothing", ann(A), [(1, 60)]),
    (
        "it gets a passcode",
        ann(A),
        "nothing",
        ann(replace(A, links=candidates([("location", "https://zoom.us/j/000000001?pwd=x")]))),
        [(1, 60)],
    ),
    (
        "its place is no meeting",
        ann(replace(A, links=candidates([("location", "Room 5, https://x.org/map")]))),
        "nothing",
        ann(),
        [],
    ),
    (
        "a pasted link beats an added one",
        ann(replace(A, links=MEET)),
        "nothing",
        ann(replace(A, links=ZOOM_TOO)),
        [(7, 60)],
    ),
    # what people answer
    ("it is declined", ann(A), "nothing", ann(replace(A, response=Response.DECLINED)), []),
    ("it is marked private", ann(A), "nothing", ann(replace(A, private=True)), []),
    ("it is private no more", ann(replace(A, private=True)), "nothing", ann(A), [(1, 60)]),
    (
        "private, and chosen",
        ann(replace(A, private=True)),
        "the user chooses it",
        ann(replace(A, private=True)),
        [(1, 60)],
    ),
    ("private for one of two", both(A), "nothing", both(A, replace(A, private=True)), [(1, 60)]),
    (
        "it is accepted after all",
        ann(replace(A, response=Response.DECLINED)),
        "nothing",
        ann(replace(A, response=Response.ACCEPTED)),
        [(1, 60)],
    ),
    ("it is tentative", ann(A), "nothing", ann(replace(A, response=Response.TENTATIVE)), [(1, 60)]),
    ("one of two declines", both(A), "nothing", both(replace(A, response=Response.DECLINED), A), [(1, 60)]),
    ("both decline", both(A), "nothing", both(replace(A, response=Response.DECLINED)), []),
    # what it becomes
    ("it becomes all-day", ann(A), "nothing", ann(replace(A, all_day=True)), []),
    ("it becomes focus time", ann(A), "nothing", ann(replace(A, kind=Kind.FOCUS)), []),
    ("it becomes an absence", ann(A), "nothing", ann(replace(A, kind=Kind.AWAY)), []),
    ("it loses its end", ann(A), "nothing", ann(replace(A, end=None)), []),
    # several users
    ("two users have it", ann(A), "nothing", both(A), [(1, 60)]),
    ("two users have it, one deletes it", both(A), "nothing", {"ann": [], "bob": [A]}, [(1, 60)]),
    ("two users have it, both delete it", both(A), "nothing", {"ann": [], "bob": []}, []),
    ("one hears of a move before the other", both(A), "nothing", {"ann": [event(at=300, sequence=1)]}, [(1, 300)]),
    ("both have heard of the move", both(A), "nothing", both(event(at=300, sequence=1)), [(1, 300)]),
    ("one hears of a new link first", both(A), "nothing", {"bob": [event(room=2, sequence=1)]}, [(2, 60)]),
    ("copied under another id", both(A, event("b")), "nothing", both(A, event("b")), [(1, 60)]),
    ("copied, three minutes apart", both(A, event("b", 63)), "nothing", both(A, event("b", 63)), [(1, 60)]),
    ("copied, and one is moved", both(A, event("b")), "nothing", both(A, event("b", 300)), [(1, 60), (1, 300)]),
    ("two meetings at one time", ann(), "nothing", ann(A, event("b", room=2)), [(1, 60), (2, 60)]),
    ("two meetings overlap in one room", ann(), "nothing", ann(A, event("b", 80)), [(1, 60)]),
    ("two meetings follow in one room", ann(), "nothing", ann(A, event("b", 90)), [(1, 60), (1, 90)]),
    (
        "two meetings swap their times",
        ann(A, event("b", 300)),
        "nothing",
        ann(event(at=300), event("b", 60)),
        [(1, 60), (1, 300)],
    ),
    # series
    ("a series", ann(), "nothing", ann(*WEEKLY), [(1, 1440), (1, 2880), (1, 4320)]),
    (
        "one of a series is cancelled",
        ann(*WEEKLY),
        "nothing",
        ann(WEEKLY[0], replace(WEEKLY[1], cancelled=True), WEEKLY[2]),
        [(1, 1440), (1, 4320)],
    ),
    (
        "one of a series is moved",
        ann(*WEEKLY),
        "nothing",
        ann(WEEKLY[0], event("w", 3000, instance=2880), WEEKLY[2]),
        [(1, 1440), (1, 3000), (1, 4320)],
    ),
    (
        "one of a series is moved onto another day's",
        ann(*WEEKLY),
        "nothing",
        ann(WEEKLY[0], event("w", 4320, instance=2880), WEEKLY[2]),
        [(1, 1440), (1, 4320)],
    ),
    (
        "the rest of a series gets another id",
        ann(*WEEKLY),
        "nothing",
        ann(WEEKLY[0], *(event("w2", 1440 * n, instance=1440 * n) for n in (2, 3))),
        [(1, 1440), (1, 2880), (1, 4320)],
    ),
    (
        "the whole series is moved",
        ann(*WEEKLY),
        "nothing",
        ann(*(event("w", 1440 * n + 30, instance=1440 * n + 30) for n in (1, 2, 3))),
        [(1, 1470), (1, 2910), (1, 4350)],
    ),
    # inside the lead window, and in the meeting
    ("claimed, then moved to later", ann(A), "it is claimed", ann(event(at=600)), [(1, 600)]),
    ("claimed, then cancelled", ann(A), "it is claimed", ann(), []),
    ("started, then moved to later", ann(A), "it starts", ann(event(at=600)), [(1, 600)]),
    ("started, then cancelled", ann(A), "it starts", ann(), []),
    ("in the lobby, then moved to tomorrow", ann(A), "it waits in the lobby", ann(event(at=1500)), [(1, 1500)]),
    ("in the lobby, then another link", ann(A), "it waits in the lobby", ann(event(room=2)), [(2, 60)]),
    ("in the call, then cancelled", ann(A), "it is in the call", ann(), []),
    ("in the call, then declined", ann(A), "it is in the call", ann(replace(A, response=Response.DECLINED)), []),
    ("in the call, then made longer", ann(A), "it is in the call", ann(event(lasts=90)), [(1, 60)]),
    ("in the call, then its start is corrected", ann(A), "it is in the call", ann(event(at=63)), [(1, 60)]),
    ("in the call for long", ann(event(lasts=200)), "it is in the call", ann(event(lasts=201)), [(1, 60)]),
    ("over, its bot still there", ann(AT_10), "it is in the call", ann(AT_10), [(1, 0)]),
    # what was settled stays settled
    ("stopped by a user", ann(A), "the user stops it", ann(A), []),
    ("stopped, then retitled", ann(A), "the user stops it", ann(replace(A, title="Other")), []),
    ("stopped, then moved", ann(A), "the user stops it", ann(event(at=300)), []),
    ("stopped, then shared", ann(A), "the user stops it", both(A), []),
    ("left in order", ann(AT_10), "it has left in order", ann(AT_10), []),
    ("left in order, then moved to tomorrow", ann(AT_10), "it has left in order", ann(event(at=1440)), [(1, 1440)]),
    ("removed by the host", ann(AT_10), "the host removed it", ann(event(at=0, lasts=31)), []),
    ("denied", ann(AT_10), "it was denied", ann(event(at=0, lasts=31)), []),
    ("denied, then moved", ann(AT_10), "it was denied", ann(event(at=120)), []),
    ("removed by the host, then moved", ann(AT_10), "the host removed it", ann(event(at=120)), []),
    ("failed to join", ann(AT_10), "it failed", ann(event(at=0, lasts=31)), []),
    ("lost in the meeting", ann(AT_10), "it was lost", ann(event(at=0, lasts=31)), []),
    ("nobody claimed it for an hour", ann(AT_10), "an hour passes", ann(AT_10), []),
    # a user's choice for one event
    ("kept away", ann(A), "the user keeps it away", ann(A), []),
    ("kept away, then moved", ann(A), "the user keeps it away", ann(event(at=300)), []),
    (
        "chosen though declined",
        ann(replace(A, response=Response.DECLINED)),
        "the user chooses it",
        ann(replace(A, response=Response.DECLINED)),
        [(1, 60)],
    ),
    ("chosen, then cancelled", ann(A), "the user chooses it", ann(replace(A, cancelled=True)), []),
    ("chosen, then it has no link", ann(A), "the user chooses it", ann(event(room=None)), []),
)
