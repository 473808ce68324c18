"""Transcripts whose error is known by hand, against a truth of three people."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from bot.rehearsal.measure import Sound, Span
from bot.rehearsal.truth import (
    Spoken,
    bridged,
    diarization_error,
    distance_s,
    moved,
    names_right,
    told,
    voiced,
)


def spoken(who: str, start_s: float, end_s: float) -> Spoken:
    return Spoken(who=who, span=Span(start_s=start_s, end_s=end_s))


TRUTH = [spoken("Ada", 10.0, 14.0), spoken("Ben", 15.0, 18.0), spoken("Ada", 20.0, 21.0), spoken("Carl", 23.0, 25.0)]
ROWS: tuple[tuple[str, list[Spoken], tuple[float, float, float], float], ...] = (
    # name, claim, seconds missed / false / confused of 10 s, share of names that are right
    ("the same", TRUTH, (0.0, 0.0, 0.0), 1.0),
    ("other labels", [replace(one, who=f"Speaker {one.who[0]}") for one in TRUTH], (0.0, 0.0, 0.0), 0.0),
    ("one lost", TRUTH[:2] + TRUTH[3:], (1.0, 0.0, 0.0), 1.0),
    ("one invented", [*TRUTH, spoken("Ben", 30.0, 30.5)], (0.0, 0.5, 0.0), 1.0),
    ("one under a wrong name", [*TRUTH[:2], spoken("Ben", 20.0, 21.0), TRUTH[3]], (0.0, 0.0, 1.0), 0.9),
    ("late at both ends", [spoken("Ada", 10.2, 14.2), *TRUTH[1:]], (0.2, 0.2, 0.0), 1.0),
)


@pytest.mark.slow  # pyannote.metrics brings pandas
@pytest.mark.parallel
@pytest.mark.parametrize(("claim", "parts"), [row[1:3] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_error_rate_is_that_counted_by_hand(claim: list[Spoken], parts: tuple[float, float, float]) -> None:
    pytest.importorskip("pyannote.metrics", reason="pyannote.metrics is not installed")
    found = diarization_error(TRUTH, claim)
    assert (found.missed_s, found.false_alarm_s, found.confusion_s) == pytest.approx(parts, abs=1e-6)
    assert found.rate == pytest.approx(sum(parts) / 10.0) and found.total_s == pytest.approx(10.0)


@pytest.mark.parametrize(("claim", "share"), [(row[1], row[3]) for row in ROWS], ids=[row[0] for row in ROWS])
def test_names_are_right_where_the_named_one_spoke(claim: list[Spoken], share: float) -> None:
    assert names_right(TRUTH, claim) == pytest.approx(share)


def test_without_speech_there_is_no_share_and_no_distance() -> None:
    assert names_right(TRUTH, []) is None and names_right(TRUTH, [spoken("Ada", 40, 41)]) is None
    assert distance_s(TRUTH, []) is None and distance_s([], TRUTH) is None


def test_an_error_rate_that_cannot_be_had_says_why() -> None:
    if all(find_spec(name) is not None for name in ("pyannote", "pandas")):
        pytest.skip("pyannote.metrics is installed")
    found = diarization_error(TRUTH, TRUTH)
    assert found.rate is None and "pyannote" in (found.reason or "")


@pytest.mark.parametrize("ago_s", [0.0, 437.25, -3.0])
def test_two_clocks_are_laid_over_each_other_whoever_is_named(ago_s: float) -> None:
    claim = [replace(one, who="Speaker A") for one in moved(TRUTH, -ago_s)]
    assert distance_s(TRUTH, claim) == pytest.approx(ago_s, abs=0.011)


def test_a_claim_that_lacks_a_piece_lies_in_its_place_all_the_same() -> None:
    short = [*moved(TRUTH[:2], -100.0), spoken("Carl", -76.9, -75.1)]
    assert distance_s(TRUTH, short) == pytest.approx(100.0, abs=0.11)


def test_a_claim_with_little_in_it_is_not_laid_elsewhere() -> None:
    little = [spoken("Ada", -80.0, -78.6)]  # of what was said at 20 s; at 10 s it fits better
    assert distance_s(TRUTH, little) != pytest.approx(100.0, abs=2.0)
    assert distance_s(TRUTH, little, about_s=100.2) == pytest.approx(99.8, abs=0.25)
    assert distance_s(TRUTH, little, about_s=5000.0) == 5000.0


def test_a_pause_within_what_one_person_says_is_no_end_of_it() -> None:
    pieces = [spoken("Ada", 1.0, 2.0), spoken("Ben", 1.5, 1.8), spoken("Ada", 2.4, 3.0), spoken("Ada", 3.5, 4.0)]
    assert bridged(pieces) == [spoken("Ada", 1.0, 3.0), spoken("Ben", 1.5, 1.8), spoken("Ada", 3.5, 4.0)]


def test_a_microphone_tells_when_its_owner_spoke() -> None:
    pcm = np.zeros(24_000 * 4, np.int16)
    for start_s, end_s in ((1.0, 1.5), (1.8, 2.0), (3.0, 3.25)):
        pcm[round(start_s * 24_000) : round(end_s * 24_000)] = 3000
    found = voiced("Ada", Sound(pcm=pcm, rate_hz=24_000, start_s=100.0))
    times_s = [at_s for one in found for at_s in (one.span.start_s, one.span.end_s)]
    assert times_s == pytest.approx([101.0, 102.0, 103.0, 103.25], abs=1e-3)


def test_a_transcript_tells_of_people_not_of_the_bot() -> None:
    said = {"speaker_name": "Ada", "start_ms": 1000, "end_ms": 2500, "own": False}
    bot = {"speaker_name": "Iris", "start_ms": 3000, "end_ms": 4000, "own": True}
    assert told([said, bot]) == [spoken("Ada", 1.0, 2.5)]
    assert told([said, bot], own=True) == [spoken("Iris", 3.0, 4.0)]
