"""Clustering alone, on true segments and synthetic embeddings of known separation, against the best that can be had:
each turn given to the nearest of the true voices, by someone who knows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from bot.hearing.diarization.clustering import OnlineClusters, Rules, Sighting
from bot.hearing.diarization.scripted import Said
from tests.bot.hearing.voices import centres, conversation, embedding

WINDOW_S = 5.0
PIECE_S = 2.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    name: str
    script: list[Said]
    speakers: int
    distance: float = 0.9
    alike: tuple[tuple[int, int, float], ...] = ()
    scatter: float = 0.7
    rules: Rules = field(default_factory=Rules)


def said(*turns: tuple[int, float, float]) -> list[Said]:
    return [Said(who=who, start_s=start_s, end_s=end_s) for who, start_s, end_s in turns]


def in_turn(order: list[int], *, each_s: float = 3.0, pause_s: float = 0.5) -> list[Said]:
    step_s = each_s + pause_s
    return [Said(who=who, start_s=step_s * k, end_s=step_s * k + each_s) for k, who in enumerate(order)]


def far_apart(order: list[int]) -> list[Said]:
    return in_turn(order, pause_s=20.0)


CASES = (
    Case(name="one alone", script=in_turn([0] * 12), speakers=1),
    Case(name="two in turn", script=in_turn([0, 1] * 12), speakers=2),
    Case(name="three at a table", script=conversation(3, 40, seed=1), speakers=3),
    Case(name="five at a table", script=conversation(5, 50, seed=2), speakers=5),
    Case(name="one returns", script=in_turn([0, 0, *[1, 2] * 15, 0, 0]), speakers=3),
    Case(name="one returns after many others", script=far_apart([0, 1, 2, 3, 4, 5, 6, 0, 3, 6]), speakers=7),
    Case(name="long silence", script=[*in_turn([0, 1] * 4), *said((1, 3000, 3004), (0, 3010, 3014))], speakers=2),
    Case(name="each after a silence", script=far_apart([0, 1, 2, 1, 0, 2] * 4), speakers=3),
    Case(name="two alike in one talk", script=in_turn([0, 1] * 12), speakers=2, alike=((0, 1, 0.4),)),
    Case(name="two alike among four", script=conversation(4, 50, seed=3), speakers=4, alike=((1, 2, 0.4),)),
    Case(name="two alike first heard at once", script=said((0, 0, 4), (1, 1, 5)) + far_apart([0, 1] * 5)[1:],
         speakers=2, alike=((0, 1, 0.4),)),
    Case(name="twelve speakers", script=conversation(12, 80, seed=4), speakers=12),
    Case(name="twelve in order", script=in_turn([*range(12)] * 4), speakers=12, distance=0.8),
    Case(name="overlap at the start", script=said((0, 0, 6), (1, 0.5, 7), (0, 8, 12), (1, 13, 16)), speakers=2),
    Case(name="three at once at the start", script=said((0, 0, 5), (1, 0, 5), (2, 0, 5), (0, 9, 12), (1, 15, 18),
         (2, 21, 24)), speakers=3),
    Case(name="short answers", script=in_turn([0, 1] * 20, each_s=0.9), speakers=2),
    Case(name="a first word of half a second", script=said((0, 0, 0.5), (1, 2, 5), (0, 6, 9), (1, 10, 13)), speakers=2),
    Case(name="much overlap", script=conversation(4, 50, seed=5, overlap=0.7), speakers=4),
    Case(name="noisy embeddings", script=conversation(3, 40, seed=6), speakers=3, scatter=0.9),
    Case(name="nearer voices", script=conversation(6, 50, seed=7), speakers=6, distance=0.7),
)  # fmt: skip


def beside(script: list[Said], number: int) -> list[int]:
    """The latest turn of each other speaker in the same window."""
    turn, found = script[number], {}
    for other, one in enumerate(script[:number]):
        if one.who != turn.who and one.end_s > turn.start_s - WINDOW_S + PIECE_S:
            found[one.who] = other
    return list(found.values())


def cluster(case: Case, seed: int = 0) -> tuple[list[str], list[int]]:
    """The label of each turn at the end, and the choice of someone who knows the voices."""
    random, known = np.random.default_rng(seed), centres(case.speakers, distance=case.distance, alike=case.alike)
    clusters, labels, oracle = OnlineClusters(case.rules), [""] * len(case.script), []
    for number, turn in enumerate(case.script):
        total: Any = np.zeros(known.shape[1])
        pieces = max(1, round((turn.end_s - turn.start_s) / PIECE_S))
        for _ in range(pieces):
            piece_s = (turn.end_s - turn.start_s) / pieces
            heard = embedding(known[turn.who], piece_s, case.scatter, random)
            total += piece_s * heard / np.linalg.norm(heard)
            sightings = [Sighting(item=number, embedding=heard, speech_s=piece_s)]
            for change in clusters.observe([*sightings, *(Sighting(item=n) for n in beside(case.script, number))]):
                labels[change.item] = change.label
        oracle.append(int(np.argmax(known @ total)))
    return labels, oracle


def right_part(script: list[Said], labels: list[Any]) -> float:
    """The seconds under the right label, labels matched to speakers as well as can be."""
    names = sorted(set(labels))
    seconds = np.zeros((len(names), 1 + max(turn.who for turn in script)))
    for turn, label in zip(script, labels, strict=True):
        seconds[names.index(label), turn.who] += turn.end_s - turn.start_s
    rows, columns = linear_sum_assignment(-seconds)
    return float(seconds[rows, columns].sum() / seconds.sum())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_labels_are_as_good_as_those_of_someone_who_knows_the_voices(case: Case) -> None:
    labels, oracle = cluster(case)
    assert right_part(case.script, labels) >= right_part(case.script, oracle) - 1e-9
    assert len(set(labels)) == len({turn.who for turn in case.script})


def test_there_are_twenty_cases() -> None:
    assert len(CASES) == 20 and len({case.name for case in CASES}) == 20


def test_two_alike_who_are_never_heard_together_are_one_voice() -> None:
    case = Case(name="", script=far_apart([0, 1] * 8), speakers=2, alike=((0, 1, 0.2),))
    assert set(cluster(case)[0]) == {"A"}


def test_no_more_voices_are_named_than_allowed() -> None:
    case = Case(name="", script=far_apart([*range(8)]), speakers=8, rules=Rules(max_speakers=3))
    assert len(set(cluster(case)[0])) == 3


def test_labels_given_once_stay_while_nothing_speaks_against_them() -> None:
    random, known = np.random.default_rng(0), centres(3, distance=0.9)
    clusters, first = OnlineClusters(), {}
    for number in range(60):
        heard = embedding(known[number % 3], 3.0, 0.7, random)
        for change in clusters.observe([Sighting(item=number, embedding=heard, speech_s=3.0)]):
            assert change.item == number
            first[change.item] = change.label
    assert [first[number] for number in range(60)] == ["A", "B", "C"] * 20


def test_a_voice_born_of_too_little_is_corrected_when_more_is_heard() -> None:
    known = centres(3, distance=0.9)
    clusters = OnlineClusters()
    clusters.observe([Sighting(item=1, embedding=known[0], speech_s=3.0)])
    clusters.observe([Sighting(item=2, embedding=known[1] + 0.2 * known[2], speech_s=0.8)])
    assert clusters.label_of(2) == "B"
    told = clusters.observe([Sighting(item=2, embedding=known[0], speech_s=6.0)])
    assert [(change.item, change.label) for change in told] == [(2, "A")]
    assert clusters.labels == ["A"]


def test_voices_that_grow_into_each_other_become_the_older_one() -> None:
    known = centres(2, distance=0.9)
    clusters = OnlineClusters()
    between = known[0] + 0.55 * known[1]
    clusters.observe([Sighting(item=1, embedding=known[0], speech_s=4.0)])
    clusters.observe([Sighting(item=2, embedding=known[1], speech_s=4.0)])
    told = []
    for item in (1, 2):
        for _ in range(8):
            told += clusters.observe([Sighting(item=item, embedding=between, speech_s=4.0)])
    assert (2, "A") in [(change.item, change.label) for change in told]


def test_memory_does_not_grow_with_the_meeting_and_old_voices_are_still_known() -> None:
    random, known = np.random.default_rng(0), centres(2, distance=0.9)
    clusters = OnlineClusters(Rules(kept_items=16))
    clusters.observe([Sighting(item=0, embedding=known[0], speech_s=4.0)])
    for number in range(1, 100):
        heard = embedding(known[1], 3.0, 0.7, random)
        clusters.observe([Sighting(item=number, embedding=heard, speech_s=3.0)])
    assert clusters.label_of(0) is None
    clusters.observe([Sighting(item=200, embedding=known[0], speech_s=3.0)])
    assert clusters.label_of(200) == "A" and clusters.label_of(99) == "B"
