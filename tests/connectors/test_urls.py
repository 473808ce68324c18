"""Which meeting a text leads to: the table, what holds for every spelling of a link, and texts nobody would write."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.urls import find_meeting
from tests.connectors.link_spellings import (
    AROUND,
    PLAIN,
    PLATFORMS,
    TABLE,
    TEXTS,
    WRAPPINGS,
    is_at_home,
    is_named,
    mutated,
    safe_link,
    spoofed,
)

Spelling = Callable[[str], str]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_links_of_the_table_are_read_as_it_says(platform: str) -> None:
    wrong = []
    for text, key, *more in TABLE[platform]:
        link = find_meeting(text)
        said = [] if link is None else [link.passcode or "", link.join_url]
        if link is None or (link.platform, link.key) != (platform, key) or said[: len(more)] != more:
            wrong.append((text, link, said))
    assert wrong == []


@pytest.mark.parametrize("why", TABLE["none"])
def test_what_leads_to_no_meeting_gives_none(why: str) -> None:
    found = [(text, link) for text in TABLE["none"][why] if (link := find_meeting(text)) is not None]
    assert found == []


@pytest.mark.parametrize(
    ("text", "room"),
    [
        ("Join: https://meet.example.org/videoroomtest.html?room=7", "meet.example.org/7"),
        ("meet.example.org/demos/videoroomtest.html?room=7&pin=x, see you", "meet.example.org/demos/7"),
        (safe_link("https://other.example:8443/videoroomtest.html"), "other.example:8443/1234"),
        ("https://other.example/videoroomtest.html", None),
        ("http://meet.example.org/videoroomtest.html?room=7", None),
        ("https://meet.example.org.evil.com/videoroomtest.html?room=7", None),
        ("https://evil-meet.example.org/videoroomtest.html?room=7", None),
        ("https://meet.example.org/no-meeting", None),
        ("https://meet.example.org:444/videoroomtest.html?room=7", None),
    ],
)
def test_servers_of_ones_own_are_known_by_their_hosts_alone(text: str, room: str | None) -> None:
    link = find_meeting(text, own_hosts=("meet.example.org", "other.example:8443"))
    assert (link and (link.platform, link.key)) == (room and ("janus", room))
    assert find_meeting(text) is None


SIMULATORS = ("sim.example.org", "http://simulator:8480", "http://CI.example:80")
NO_SERVERS = ("", "http://", "://x", "ftp://f.example", "zoommtg://z.example", "https://path.example/x")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Join: https://sim.example.org/abc-defg-hij", "sim.example.org/abc-defg-hij"),
        ("sim.example.org/teams/abc-defg-hij, see you", "sim.example.org/abc-defg-hij"),
        ("<http://simulator:8480/zoom/abc-defg-hij?scenario=removed>", "simulator:8480/abc-defg-hij/removed"),
        (safe_link("http://simulator:8480/abc-defg-hij"), "simulator:8480/abc-defg-hij"),
        ("http://ci.example/abc-defg-hij", "ci.example/abc-defg-hij"),
        ("http://127.0.0.1:8480/abc-defg-hij", "127.0.0.1:8480/abc-defg-hij"),
        *(
            (text, None)
            for text in (
                "http://sim.example.org/abc-defg-hij",  # named as one by https
                "https://simulator:8480/abc-defg-hij",  # named as one without
                "simulator:8480/abc-defg-hij",
                "http://simulator/abc-defg-hij",
                "http://simulator:8481/abc-defg-hij",
                "http://evil.simulator:8480/abc-defg-hij",
                "http://evilsimulator:8480/abc-defg-hij",
                "http://simulator.evil.com:8480/abc-defg-hij",
                "http://simulator:8480.evil.com/abc-defg-hij",
                "http://me@simulator:8480/abc-defg-hij",
                "http://simulator:8480@evil.com/abc-defg-hij",
                "http://s\u0456mulator:8480/abc-defg-hij",
                "http://simulator%2eevil.com:8480/abc-defg-hij",
                "http://evil.com\\@simulator:8480/abc-defg-hij",
                "https://evil.com/?u=http://simulator:8480/abc-defg-hij",
                "https://evil.com/http://simulator:8480/abc-defg-hij",
                "ws://simulator:8480/abc-defg-hij",
                "http://simulator:8480/control/meetings",
                "http://simulator:8480/host/abc-defg-hij",
                "http://f.example/abc-defg-hij",
                "https://f.example/abc-defg-hij",
                "zoommtg://z.example/abc-defg-hij",
                "https://path.example/abc-defg-hij",
            )
        ),
    ],
)
def test_a_simulator_elsewhere_is_known_as_it_was_named(text: str, key: str | None) -> None:
    link = find_meeting(text, own_hosts=SIMULATORS + NO_SERVERS)
    assert (link and (link.platform, link.key)) == (key and ("simulator", key))
    assert link is None or find_meeting(link.join_url, own_hosts=SIMULATORS) == link
    assert find_meeting(text) == (link if "127.0.0.1" in text else None)


def test_the_table_has_what_it_is_to_have() -> None:
    assert len(TEXTS) >= 400 and len(PLAIN) >= 40


def test_the_link_to_join_by_is_read_as_the_link_it_came_from() -> None:
    for text in TEXTS:
        if (link := find_meeting(text)) is not None:
            again = find_meeting(link.join_url)
            assert again is not None, text
            # A passcode told beside a link by a thread or a room is no part of such a link.
            assert again in (link, replace(link, passcode=None)), text
            assert again.meeting == link.meeting and is_at_home(link.platform, link.join_url)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLAIN), st.lists(st.sampled_from(WRAPPINGS), max_size=3), st.sampled_from(AROUND))
def test_a_meeting_is_the_same_in_every_spelling(url: str, wrappings: list[Spelling], around: Spelling) -> None:
    wrapped = reduce(lambda inner, wrap: wrap(inner), wrappings, url)
    assert find_meeting(around(wrapped)) == find_meeting(url) is not None


@pytest.mark.slow
@pytest.mark.parallel
@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    link = find_meeting(text)
    assert link is None or is_named(link.platform, text)


@pytest.mark.parametrize(
    ("seed", "count"),
    [
        (1, 1_500),
        *(
            pytest.param(seed, 100_000, marks=[pytest.mark.acceptance, pytest.mark.parallel, pytest.mark.timeout(900)])
            for seed in range(2, 12)
        ),
    ],
)
def test_no_accident_and_no_spoof_makes_a_platform_of_what_is_none(seed: int, count: int) -> None:
    chance = random.Random(seed)
    for number in range(count):
        if number % 4 == 0:
            text = spoofed(chance.choice(PLAIN), chance)
            assert find_meeting(text) is None, text
        else:
            text = mutated(chance.choice(TEXTS), chance)
            link = find_meeting(text)
            assert link is None or (is_at_home(link.platform, link.join_url) and is_named(link.platform, text)), text
            again = find_meeting(link.join_url) if link else None
            assert link is None or (again and again.meeting == link.meeting), text
