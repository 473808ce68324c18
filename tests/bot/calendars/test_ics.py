"""Feeds: series and their exceptions, zones by any name, links in any field, and what no feed may do to us."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from bot.calendars.ics.events import read_feed
from bot.calendars.ics.lines import Property
from bot.calendars.ics.recurrence import MOST_SECONDS, Budget, CalendarTooCostly, Window, instances
from bot.calendars.ics.times import Zones, moment
from bot.calendars.model import Kind, Response
from tests.bot.calendars.feeds import BEGIN, END, ZOOM, feed, many, read, starts, vevent

DAILY = vevent("d", "RRULE:FREQ=DAILY;COUNT=4")
NEW_YORK = {"start": ";TZID=America/New_York:19970902T090000", "end": ";TZID=America/New_York:19970902T093000"}

# RFC 5545, 3.8.5.3: each of these examples begins on 1997-09-02, 09:00 in New York. (rule, dates it says, until)
RFC_5545: tuple[tuple[str, str, str], ...] = (
    ("FREQ=DAILY;COUNT=10", "0902 0903 0904 0905 0906 0907 0908 0909 0910 0911", "19980101"),
    ("FREQ=DAILY;INTERVAL=10;COUNT=5", "0902 0912 0922 1002 1012", "19980101"),
    ("FREQ=WEEKLY;COUNT=10", "0902 0909 0916 0923 0930 1007 1014 1021 1028 1104", "19980101"),
    ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "0902 0916 0930 1014 1028 1111 1125 1209 1223", "19980101"),
    (
        "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
        "0902 0904 0909 0911 0916 0918 0923 0925 0930 1002",
        "19980101",
    ),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", "0902 0904 0916 0918 0930 1002 1014 1016", "19980101"),
    ("FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15", "0902 0915 1002 1015 1102 1115 1202 1215", "19980101"),
    ("FREQ=MONTHLY;BYDAY=TU", "0902 0909 0916 0923 0930 1007 1014 1021 1028", "19971101"),
    ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "0904 1007 1106", "19980101"),
    ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "0929 1030 1127 1230", "19980101"),
    ("FREQ=DAILY;BYMONTH=9;BYHOUR=9,10;COUNT=4", "0902 0902 0903 0903", "19980101"),
)


@pytest.mark.parametrize(("rule", "dates", "until"), RFC_5545, ids=[row[0] for row in RFC_5545])
def test_the_examples_of_the_standard_come_out_as_it_says(rule: str, dates: str, until: str) -> None:
    window = {"begin": datetime(1997, 9, 1, tzinfo=UTC), "end": datetime.strptime(until, "%Y%m%d").replace(tzinfo=UTC)}
    found = [f"{event.start:%m%d}" for event in read(vevent("r", f"RRULE:{rule}", **NEW_YORK), **window)]
    expected = dates.split()
    assert found == expected or found == sorted({"0902", *expected}), "the first stands where DTSTART is, by 3.8.5.3"


def test_a_series_keeps_its_wall_clock_when_the_clocks_change() -> None:
    berlin = {"start": ";TZID=Europe/Berlin:20261020T100000", "end": ";TZID=Europe/Berlin:20261020T103000"}
    window = {"begin": datetime(2026, 10, 20, tzinfo=UTC), "end": datetime(2026, 11, 4, tzinfo=UTC)}
    assert starts(vevent("w", "RRULE:FREQ=WEEKLY", **berlin), **window) == ["10-20 08:00", "10-27 09:00", "11-03 09:00"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["after", "before"])
def test_an_exception_counts_wherever_it_stands(order: tuple[int, int]) -> None:
    moved = vevent("d", "RECURRENCE-ID:20261124T100000Z", start=":20261124T150000Z", end=":20261124T153000Z")
    both = (DAILY, moved)
    expected = ["11-23 10:00", "11-24 15:00", "11-25 10:00", "11-26 10:00"]
    assert starts(both[order[0]], both[order[1]]) == expected


@pytest.mark.parametrize(
    "nonsense",
    [
        vevent("n", "RRULE:FREQ=DAILY;UNTIL=20261301T000000Z"),
        vevent("n", "RRULE:FREQ=DAILY;UNTIL=99999999"),
        vevent("n", "RRULE:FREQ=YEARLY", start=";TZID=Europe/Berlin:00010101T000000"),
        vevent("n", "RRULE:FREQ=YEARLY", start=";TZID=America/New_York:99991231T235959"),
        vevent("n", "EXDATE;TZID=Asia/Tokyo:00010101T000000", "RRULE:FREQ=DAILY"),
        vevent("n", "RDATE;TZID=America/New_York:99991231T235959"),
        vevent("n", "RECURRENCE-ID;TZID=Asia/Tokyo:00010101T000000"),
    ],
)
def test_an_event_at_no_time_takes_no_other_with_it(nonsense: str) -> None:
    assert "11-24 09:00" in starts(nonsense, vevent("a", start=":20261124T090000Z", end=":20261124T093000Z"))


def test_a_cancelled_exception_cancels_itself_alone() -> None:
    gone = vevent("d", "RECURRENCE-ID:20261124T100000Z", "STATUS:CANCELLED", start=":20261124T100000Z")
    found = read(gone, DAILY)
    assert [event.cancelled for event in found] == [False, True, False, False]
    assert starts(gone, DAILY) == ["11-23 10:00", "11-25 10:00", "11-26 10:00"]


AND_LATER = "RECURRENCE-ID;RANGE=THISANDFUTURE:"
RANGES: dict[str, tuple[tuple[str, ...], list[str]]] = {  # RFC 5545, 3.2.13 and 3.8.4.4: exceptions of DAILY, starts
    "moved by five hours": (
        (vevent("d", f"{AND_LATER}20261124T100000Z", start=":20261124T150000Z", end=":20261124T153000Z"),),
        ["11-23 10:00", "11-24 15:00", "11-25 15:00", "11-26 15:00"],
    ),
    "moved to the day before": (
        (vevent("d", f"{AND_LATER}20261125T100000Z", start=":20261124T080000Z", end=":20261124T083000Z"),),
        ["11-23 10:00", "11-24 08:00", "11-24 10:00", "11-25 08:00"],
    ),
    "cancelled": (
        (vevent("d", f"{AND_LATER}20261125T100000Z", "STATUS:CANCELLED", start=":20261125T100000Z"),),
        ["11-23 10:00", "11-24 10:00"],
    ),
    "cancelled, without saying when it is": (
        (vevent("d", f"{AND_LATER}20261124T100000Z", "STATUS:CANCELLED", start="", end=""),),
        ["11-23 10:00"],
    ),
    "one after the other": (
        (
            vevent("d", f"{AND_LATER}20261126T100000Z", start=":20261126T120000Z", end=":20261126T123000Z"),
            vevent("d", f"{AND_LATER}20261124T100000Z", start=":20261124T150000Z", end=":20261124T153000Z"),
        ),
        ["11-23 10:00", "11-24 15:00", "11-25 15:00", "11-26 12:00"],
    ),
    "but for one": (
        (
            vevent("d", "RECURRENCE-ID:20261125T100000Z", start=":20261125T180000Z", end=":20261125T183000Z"),
            vevent("d", f"{AND_LATER}20261124T100000Z", start=":20261124T150000Z", end=":20261124T153000Z"),
        ),
        ["11-23 10:00", "11-24 15:00", "11-25 18:00", "11-26 15:00"],
    ),
    "cancelled, one that was changed before with it": (
        (
            vevent("d", "RECURRENCE-ID:20261125T100000Z", start=":20261125T180000Z", end=":20261125T183000Z"),
            vevent("d", f"{AND_LATER}20261124T100000Z", "STATUS:CANCELLED", "SEQUENCE:2", start=":20261124T100000Z"),
        ),
        ["11-23 10:00"],
    ),
    "over one that was changed before": (
        (
            vevent("d", f"{AND_LATER}20261124T100000Z", "SEQUENCE:2", start=":20261124T150000Z"),
            vevent("d", "RECURRENCE-ID:20261124T100000Z", "SEQUENCE:1", start=":20261124T180000Z"),
        ),
        ["11-23 10:00", "11-24 15:00", "11-25 15:00", "11-26 15:00"],
    ),
    "cancelled, a later range that was changed before with it": (
        (
            vevent("d", f"{AND_LATER}20261125T100000Z", "SEQUENCE:1", start=":20261125T150000Z"),
            vevent("d", f"{AND_LATER}20261124T100000Z", "SEQUENCE:2", "STATUS:CANCELLED", start=":20261124T100000Z"),
        ),
        ["11-23 10:00"],
    ),
    "cancelled, and taken up again later": (
        (
            vevent("d", f"{AND_LATER}20261124T100000Z", "SEQUENCE:2", "STATUS:CANCELLED", start=":20261124T100000Z"),
            vevent("d", f"{AND_LATER}20261125T100000Z", "SEQUENCE:3", start=":20261125T150000Z"),
        ),
        ["11-23 10:00", "11-25 15:00", "11-26 15:00"],
    ),
    "to another age": (
        (vevent("d", f"{AND_LATER}20261124T100000Z", start=":99970101T230000Z", end=":99970101T233000Z"),),
        ["11-23 10:00"],
    ),
}


@pytest.mark.parametrize("case", RANGES)
def test_an_exception_of_a_range_is_what_the_series_is_from_there_on(case: str) -> None:
    exceptions, expected = RANGES[case]
    for order in ((DAILY, *exceptions), (*exceptions, DAILY)):
        assert starts(*order) == expected


def test_the_rest_of_a_series_keeps_its_new_wall_clock_its_length_and_its_identities() -> None:
    berlin = {"start": ";TZID=Europe/Berlin:20261013T100000", "end": ";TZID=Europe/Berlin:20261013T103000"}
    longer = {"start": ";TZID=Europe/Berlin:20261020T090000", "end": ";TZID=Europe/Berlin:20261020T110000"}
    window = {"begin": datetime(2026, 10, 12, tzinfo=UTC), "end": datetime(2026, 11, 4, tzinfo=UTC)}
    series = vevent("w", "RRULE:FREQ=WEEKLY", **berlin)
    changed = vevent("w", f"{AND_LATER}20261020T080000Z", f"LOCATION:{ZOOM}", **longer)
    before, after = read(series, **window), read(series, changed, **window)
    assert starts(series, changed, **window) == ["10-13 08:00", "10-20 07:00", "10-27 08:00", "11-03 08:00"]
    assert {one.identity for one in before} == {one.identity for one in after}
    lengths = {one.start: one.end - one.start for one in after if one.start and one.end}
    assert [lengths[at].seconds // 60 for at in sorted(lengths)] == [30, 120, 120, 120]
    assert [bool(one.links) for one in sorted(after, key=lambda one: str(one.start))] == [False, True, True, True]


@pytest.mark.parametrize("without", ["EXDATE:20261124T100000Z", "EXDATE;VALUE=DATE:20261124"])
def test_the_first_of_a_changed_rest_can_be_taken_out_like_any_other(without: str) -> None:
    series = vevent("d", "RRULE:FREQ=DAILY;COUNT=4", without, "EXDATE:20261126T100000Z")
    changed = vevent("d", f"{AND_LATER}20261124T100000Z", start=":20261124T150000Z", end=":20261124T153000Z")
    assert starts(series, changed) == ["11-23 10:00", "11-25 15:00"]


BERLIN, OF_THE_RANGE = ";TZID=Europe/Berlin:20261013T100000", "RECURRENCE-ID;RANGE=THISANDFUTURE"
REST: dict[str, tuple[str, str, str, list[str]]] = {  # its series' start, its name, its start; clocks change on 10-25
    "by the clock of where it goes": (
        *(BERLIN, ";TZID=Europe/Berlin:20261020T100000", ";TZID=America/New_York:20261020T100000"),
        ["10-13 08:00", "10-20 14:00", "10-27 14:00", "11-03 15:00"],
    ),
    "by the series' clock where a time is UTC's": (
        *(BERLIN, ":20261020T080000Z", ":20261020T070000Z"),
        ["10-13 08:00", "10-20 07:00", "10-27 08:00", "11-03 08:00"],
    ),
    "by the series' clock where UTC is called a zone": (
        *(BERLIN, ":20261020T080000Z", ";TZID=UTC:20261020T070000"),
        ["10-13 08:00", "10-20 07:00", "10-27 08:00", "11-03 08:00"],
    ),
    "to whole days": (
        *(BERLIN, ":20261020T080000Z", ";VALUE=DATE:20261021"),
        ["10-13 08:00", "10-21 00:00", "10-28 00:00", "11-04 00:00"],
    ),
    "from whole days": (
        *(";VALUE=DATE:20261013", ";VALUE=DATE:20261020", ";TZID=Europe/Berlin:20261020T090000"),
        ["10-13 00:00", "10-20 07:00", "10-27 08:00", "11-03 08:00"],
    ),
    "named by the series' clock without a zone": (
        *(BERLIN, ":20261020T100000", ";TZID=Europe/Berlin:20261020T090000"),
        ["10-13 08:00", "10-20 07:00", "10-27 08:00", "11-03 08:00"],
    ),
    "floating": (
        *(":20261013T100000", ":20261020T100000", ":20261020T090000"),
        ["10-13 10:00", "10-20 09:00", "10-27 09:00", "11-03 09:00"],
    ),
}


@pytest.mark.parametrize("case", REST)
def test_the_rest_of_a_series_is_moved_from_wall_clock_to_wall_clock(case: str) -> None:
    of_series, named, of_rest, expected = REST[case]
    window = {"begin": datetime(2026, 10, 12, tzinfo=UTC), "end": datetime(2026, 11, 5, tzinfo=UTC)}
    changed = vevent("w", f"{OF_THE_RANGE}{named}", start=of_rest, end=of_rest)
    assert starts(vevent("w", "RRULE:FREQ=WEEKLY", start=of_series, end=of_series), changed, **window) == expected


def test_an_exception_long_past_does_not_take_its_series_away() -> None:
    series = vevent("d", "RRULE:FREQ=DAILY", start=":20250101T100000Z", end=":20250101T103000Z")
    old = vevent("d", "RECURRENCE-ID:20250105T100000Z", start=":20250105T120000Z", end=":20250105T123000Z")
    assert len(starts(old, series)) == 30


def test_a_moved_exception_is_the_same_event_as_before() -> None:
    moved = vevent("d", "RECURRENCE-ID:20261124T100000Z", start=":20261201T150000Z", end=":20261201T153000Z")
    before = {event.id: event.identity for event in read(DAILY)}
    after = {event.id: event.identity for event in read(DAILY, moved)}
    assert before == after and "d/20261124T100000Z" in after


def test_dates_are_added_and_left_out() -> None:
    extra = vevent(
        "d", "RRULE:FREQ=DAILY;COUNT=3", "RDATE:20261201T080000Z,20261202T080000Z", "EXDATE:20261124T100000Z"
    )
    assert starts(extra) == ["11-23 10:00", "11-25 10:00", "12-01 08:00", "12-02 08:00"]
    berlin = {"start": ";TZID=Europe/Berlin:20261123T110000", "end": ";TZID=Europe/Berlin:20261123T113000"}
    assert starts(vevent("d", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;TZID=Europe/Berlin:20261124T110000", **berlin)) == [
        *("11-23 10:00", "11-25 10:00")
    ]


CUSTOM = "\r\n".join(
    [
        *("BEGIN:VTIMEZONE", "TZID:Customized Time Zone", "BEGIN:STANDARD", "DTSTART:16010101T000000"),
        *("TZOFFSETFROM:+0530", "TZOFFSETTO:+0530", "END:STANDARD", "END:VTIMEZONE", ""),
    ]
)
ZONES = {
    "Europe/Berlin": "09:00",
    "W. Europe Standard Time": "09:00",
    "Eastern Standard Time": "15:00",
    "/citadel.org/20210210_1/Asia/Tokyo": "01:00",
    "Customized Time Zone": "04:30",
    "Nowhere in Particular": "02:00",  # nobody knows it: the calendar's own zone, here Shanghai
}


@pytest.mark.parametrize(("name", "at"), ZONES.items())
def test_a_zone_is_known_by_whatever_name(name: str, at: str) -> None:
    quoted = f'"{name}"' if "/" in name else name
    when = {"start": f";TZID={quoted}:20261123T100000", "end": f";TZID={quoted}:20261123T103000"}
    (event,) = read(CUSTOM, vevent("z", **when), head=("X-WR-TIMEZONE:Asia/Shanghai",))
    assert event.start is not None and f"{event.start:%H:%M}" == at


def test_links_are_found_in_every_field_and_escapes_are_undone() -> None:
    fields = {
        "conference": f"CONFERENCE;VALUE=URI;FEATURE=VIDEO:{ZOOM}",
        "location": f"LOCATION:Room 5\\, {ZOOM}",
        "description": f"DESCRIPTION:Hello\\n\\nJoin: {ZOOM}\\nBye",
        "title": f"SUMMARY:{ZOOM}",
    }
    for source, line in fields.items():
        (event,) = read(vevent("a", line))
        assert [(one.source, one.room) for one in event.links] == [(source, "zoom:123456789")]
    folded = f"DESCRIPTION:Join {ZOOM[:20]}\r\n {ZOOM[20:]}"
    assert read(vevent("a", folded))[0].links[0].room == "zoom:123456789"


def test_a_room_of_ones_own_server_is_a_meeting_and_nobody_elses_is() -> None:
    room = "https://meet.own.org/videoroomtest.html?room=5"
    text = feed(vevent("a", f"LOCATION:{room}"), vevent("b", f"DESCRIPTION:Join {room.replace('own', 'other')}"))
    mine, other = read_feed(text, calendar_id="c", owner="", begin=BEGIN, end=END, own_hosts=("meet.own.org",))
    assert [(one.platform, one.url) for one in mine.links] == [("janus", room)] and other.links == ()


def test_an_event_without_a_link_is_there_and_says_so() -> None:
    (event,) = read(vevent("a", "SUMMARY:Lunch"))
    assert (event.title, event.links) == ("Lunch", ())


def test_alarms_inside_an_event_are_not_the_event() -> None:
    alarm = "BEGIN:VALARM\r\nDESCRIPTION:https://zoom.us/j/999999999\r\nEND:VALARM"
    (event,) = read(vevent("a", alarm, "SUMMARY:Talk"))
    assert (event.links, event.title) == ((), "Talk")


def test_what_the_owner_answered_and_what_the_time_is_for() -> None:
    people = [
        f"ATTENDEE;PARTSTAT={answer}:MAILTO:{who}@own.org" for who, answer in (("Ann", "DECLINED"), ("bob", "ACCEPTED"))
    ]
    asked = vevent("a", "ORGANIZER:mailto:eve@other.org", *people)
    answers = {owner: read(asked, owner=f"{owner}@own.org")[0].response for owner in ("ann", "bob", "zoe")}
    assert answers == {"ann": Response.DECLINED, "bob": Response.ACCEPTED, "zoe": Response.WAITING}
    assert read(vevent("a", "ATTENDEE;CUTYPE=ROOM:mailto:five@own.org", *people))[0].resources == ("five@own.org",)
    assert read(vevent("a", "X-MICROSOFT-CDO-BUSYSTATUS:OOF"))[0].kind is Kind.AWAY
    (day,) = read(vevent("a", start=";VALUE=DATE:20261124", end=";VALUE=DATE:20261125"))
    assert day.all_day


HOSTILE = (
    "",
    "no calendar",
    "BEGIN:" * 50_000,
    "BEGIN:VEVENT\n" * 50_000,
    feed(vevent("a", "RRULE:FREQ=SECONDLY")),
    feed(vevent("a", "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", start=":00010101T000000Z")),
    feed(vevent("a", "RRULE:FREQ=YEARLY;INTERVAL=0;BYMONTHDAY=31;BYMONTH=2")),
    feed(vevent("a", "RRULE:FREQ=DAILY;COUNT=99999999999999999999")),
    feed(vevent("a", "RRULE:FREQ=NEVER", "DURATION:PT99999999H", "SEQUENCE:-1", 'ATTENDEE;CN="\\":x')),
    feed(vevent("a", start=":99991231T235959Z", end=":20261301T990000Z")),
    feed(vevent("a", start=";TZID=../../etc/passwd:20261123T100000")),
    feed(DAILY, vevent("d", "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Asia/Tokyo:00010102T000000")),
    feed(DAILY, vevent("d", "RECURRENCE-ID;RANGE=THISANDFUTURE:20261124T100000Z", start=":00010101T000000Z")),
    feed("BEGIN:VTIMEZONE\r\nTZID:X\r\nEND:VTIMEZONE\r\n", vevent("a", start=";TZID=X:20261123T100000")),
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nonsense_is_read_without_harm(text: str) -> None:
    assert len(read_feed(text, calendar_id="c", owner="", begin=BEGIN, end=END)) <= 31


def test_rules_that_cost_too_much_are_not_walked_one_after_the_other() -> None:
    """dateutil looks for a 30th of February until the year 9999: most of a second, as often as a feed has it."""
    ticks = count(0, MOST_SECONDS)
    budget = Budget(clock=lambda: next(ticks))
    first = moment(Property("", "20261123T100000Z"), Zones({}))
    assert first is not None
    given = (first, ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"], (), (), Window(begin=BEGIN, end=END), budget)
    assert instances(*given) == [first.local]
    with pytest.raises(CalendarTooCostly):
        instances(*given)


def test_a_series_of_every_second_is_none() -> None:
    every = {name: ",".join(map(str, range(many))) for name, many in (("HOUR", 24), ("MINUTE", 60), ("SECOND", 60))}
    rule = ";".join(f"BY{name}={values}" for name, values in every.items())
    assert starts(vevent("s", f"RRULE:FREQ=DAILY;{rule}")) == ["11-23 10:00"]


@pytest.mark.acceptance
@pytest.mark.parallel
def test_ten_thousand_events_are_read_in_two_seconds_of_one_core() -> None:
    text, began_s = many(), time.process_time()
    found = read_feed(text, calendar_id="c", owner="ann@own.org", begin=BEGIN, end=END)
    took_s = time.process_time() - began_s
    print(f"{len(text) / 1e6:.1f} MB, 10,000 events, {len(found)} in the window: {took_s:.2f} s")
    assert len(found) > 1000 and took_s < 2.0
    assert all(
        event.start and event.start < END and event.end and event.end >= BEGIN - timedelta(days=1) for event in found
    )
