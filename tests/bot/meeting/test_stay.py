"""Who is here and how the stay ends, on a virtual clock."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest

from bot.domain.leave_rules import LEAVE_RULES, Limits
from bot.domain.lifecycle import Command
from bot.meeting.outcome import REASONS
from bot.meeting.record import CONSENT_ENDED
from bot.meeting.run import COMMANDS
from bot.meeting.stay import KNOWN, Roster, Stay
from bot.meeting.watch import keep_the_rules
from tests.bot.clocks import HandClock

LIMITS = Limits(alone_s=60.0, unattended_s=1200.0, silent_s=900.0, in_call_s=14_400.0)


class Call:
    """The rules at work on a clock the test moves."""

    def __init__(self) -> None:
        self.clock, self.stay = HandClock(), Stay()
        self.roster = Roster(self.clock)
        self.killed = False

    async def after(self, seconds: float) -> str | None:
        self.clock.advance(seconds)
        rules = keep_the_rules(self.roster, self.stay, LIMITS, self.clock, killed=lambda: self.killed)
        task = asyncio.create_task(rules)
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        return self.stay.reason


@pytest.fixture
def call() -> Call:
    return Call()


def test_every_reason_has_a_rule_and_an_outcome() -> None:
    assert [reason for reason, _, _ in LEAVE_RULES if reason not in REASONS] == []
    assert REASONS.keys() == {reason for reason, _, _ in LEAVE_RULES}


def test_of_very_many_who_came_and_left_the_latest_names_are_known(call: Call) -> None:
    call.roster.joined("first", "Ada", is_self=False)
    for number in range(KNOWN + 5):
        call.roster.joined(f"p{number}", f"Guest {number}", is_self=False)
        call.roster.left(f"p{number}")
    assert call.roster.name_of("first") == "Ada", "who is here is never forgotten"
    assert call.roster.name_of("p0") == "Someone" and call.roster.name_of(f"p{KNOWN + 4}") == f"Guest {KNOWN + 4}"


async def test_in_the_lobby_no_time_counts(call: Call) -> None:
    assert await call.after(99_999) is None


async def test_nobody_came(call: Call) -> None:
    call.roster.entered()
    call.roster.joined("own", "Iris (AI)", is_self=True)
    assert await call.after(1199) is None
    assert await call.after(1) == "nobody_came"


async def test_everyone_left_and_who_comes_back_keeps_the_bot(call: Call) -> None:
    call.roster.entered()
    call.roster.joined("p1", "Alex", is_self=False)
    call.roster.left("p1")
    assert await call.after(59) is None
    call.roster.joined("p2", "Alex", is_self=False)
    assert await call.after(59) is None
    call.roster.left("p2")
    assert await call.after(60) == "everyone_left"


async def test_who_is_sent_back_to_the_lobby_has_not_been_left(call: Call) -> None:
    call.roster.entered()
    call.roster.joined("p1", "Alex", is_self=False)
    call.roster.left("p1")
    call.roster.sent_out()
    assert await call.after(500) is None
    call.roster.joined("p1", "Alex", is_self=False)
    call.roster.back()
    assert await call.after(500) is None
    call.roster.left("p1")
    assert await call.after(60) == "everyone_left"


async def test_silence_is_that_of_the_others_from_the_last_word_or_line(call: Call) -> None:
    call.roster.joined("own", "Iris (AI)", is_self=True)
    call.roster.joined("p1", "Alex", is_self=False)
    call.roster.entered()
    assert await call.after(800) is None
    call.roster.spoke("p1")
    assert await call.after(800) is None
    call.roster.spoke("own")
    assert await call.after(100) == "silence"


async def test_the_longest_stay_ends_a_lively_meeting(call: Call) -> None:
    call.roster.entered()
    call.roster.joined("p1", "Alex", is_self=False)
    for _ in range(16):
        assert await call.after(899) is None
        call.roster.spoke("p1")
    assert await call.after(899) == "time_limit"
    assert REASONS["time_limit"].goodbye


async def test_other_bots_of_ours_are_no_company(call: Call) -> None:
    call.roster.entered()
    call.roster.joined("p1", "Alex", is_self=False)
    call.roster.joined("b1", "Max (AI)", is_self=False)
    assert call.roster.may_be_bots
    call.roster.bots_are({"Max (AI)": 1})
    assert call.roster.people == 1
    call.roster.left("p1")
    assert await call.after(60) == "everyone_left"


def test_a_person_who_calls_themselves_like_our_bot_is_a_person(call: Call) -> None:
    for participant in ("b1", "p1"):
        call.roster.joined(participant, "Max (AI)", is_self=False)
    call.roster.bots_are({"Max (AI)": 1})
    call.roster.bots_are({"Max (AI)": 1})
    assert call.roster.people == 1


async def test_bots_that_wait_together_wait_for_people(call: Call) -> None:
    call.roster.entered()
    call.roster.joined("b1", "Max (AI)", is_self=False)
    call.roster.bots_are({"Max (AI)": 1})
    assert await call.after(1199) is None
    assert await call.after(1) == "nobody_came"


@pytest.mark.parametrize(
    ("first", "second"), list(permutations(("asked_by_user", "removed_by_host", "said_goodbye"), 2))
)
def test_of_people_who_end_a_stay_the_first_is_the_reason(first: str, second: str) -> None:
    stay = Stay()
    stay.end(first)
    stay.end(second)
    assert stay.reason == first and stay.told == {first, second}


@pytest.mark.parametrize("other", [reason for reason, _, _ in LEAVE_RULES if reason != "killed"])
async def test_a_kill_has_the_last_word(call: Call, other: str) -> None:
    call.stay.end(other)
    call.killed = True
    assert await call.after(0) == "killed"
    await asyncio.wait_for(call.stay.silenced(), 1)
    call.stay.end(other)
    assert call.stay.reason == "killed"


@pytest.mark.parametrize("before", [None, "asked_by_user", "meeting_ended", "killed"])
async def test_a_face_whose_consent_ends_is_off_at_once_whatever_the_stay_ends_with(before: str | None) -> None:
    stay = Stay()
    if before:
        stay.end(before)
    assert not stay.faceless
    stay.end("consent_ended")
    assert stay.faceless and not REASONS["consent_ended"].goodbye
    await asyncio.wait_for(stay.silenced(), 1)
    assert stay.reason == (before if before in ("asked_by_user", "killed") else "consent_ended")


def test_whatever_a_heartbeat_is_told_is_a_reason() -> None:
    assert COMMANDS.keys() == {*Command, CONSENT_ENDED} and set(COMMANDS.values()) <= REASONS.keys()


async def test_who_is_seen_without_a_name_is_company_until_they_have_gone(call: Call) -> None:
    call.roster.entered()
    call.roster.others_are(4)
    for _ in range(3):
        assert await call.after(800) is None
        call.roster.spoke("")
    call.roster.others_are(0)
    assert await call.after(59) is None
    assert await call.after(1) == "everyone_left"


def test_beside_people_without_a_name_nobody_is_the_only_one(call: Call) -> None:
    call.roster.joined("p1", "Alex", is_self=False)
    assert call.roster.only is not None and call.roster.only.participant == "p1"
    call.roster.others_are(1)
    assert call.roster.only is None and call.roster.people == 2


def test_a_name_that_comes_late_or_changes_is_theirs_from_then_on(call: Call) -> None:
    call.roster.joined("p1", "", is_self=False)
    assert call.roster.name_of("p1") == "Someone"
    for name in ("Ada", "Grace"):
        call.roster.renamed("p1", name)
        assert call.roster.name_of("p1") == name and [one.name for one in call.roster.others] == [name]
    call.roster.left("p1")
    call.roster.renamed("p1", "Nobody")
    assert call.roster.name_of("p1") == "Grace" and not call.roster.others


def test_a_bot_of_ours_is_known_by_a_name_that_comes_late_and_stays_one(call: Call) -> None:
    call.roster.joined("b1", "", is_self=False)
    assert not call.roster.may_be_bots
    call.roster.renamed("b1", "Max (AI)")
    assert call.roster.may_be_bots
    call.roster.bots_are({"Max (AI)": 1})
    call.roster.renamed("b1", "Notes")
    assert call.roster.is_bot("b1") and call.roster.people == 0
