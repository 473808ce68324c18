"""Who spoke: scripted situations of evidence, the same rules for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bot.hearing.attribution import MOST_KEPT, UNKNOWN, Attribution, Who
from bot.hearing.base import RATE_HZ, HeardWord


def at(seconds: float) -> int:
    return round(seconds * RATE_HZ)


class Scene:
    """Speech with the signs a platform gives of it, late and held too long, and the voices a diarizer finds."""

    def __init__(self) -> None:
        self.attribution = Attribution()
        self._events: list[tuple[float, str, bool]] = []
        self._spans = 0

    def signs(self, *said: tuple[str, float, float], late_s: float = 0.5, held_s: float = 1.0) -> Scene:
        for who, start_s, end_s in said:
            self._events += [(start_s + late_s, who, True), (end_s + held_s, who, False)]
        for at_s, who, active in sorted(self._events):
            self.attribution.shows(who, at(at_s), active=active)
        self._events.clear()
        return self

    def voices(self, *said: tuple[str, float, float], until_s: float | None = None) -> Scene:
        for voice, start_s, end_s in said:
            self._spans += 1
            self.attribution.heard_voice(self._spans, voice, at(start_s), at(end_s), confidence=0.9)
        self.attribution.advance(at(until_s if until_s is not None else max(end_s for _, _, end_s in said)))
        return self

    def who(self, start_s: float, end_s: float, after: str = "") -> Who:
        return self.attribution.who(at(start_s), at(end_s), after=after)


def test_who_has_left_speaks_no_more_though_no_sign_said_so() -> None:
    scene = Scene()
    scene.attribution.shows("ada", at(0.5), active=True)
    scene.attribution.gone("ada")
    scene.attribution.shows("ben", at(5.5), active=True)
    assert scene.attribution.showing == "ben" and scene.who(6.0, 9.0).participant == "ben"
    scene.attribution.gone("ben")
    assert scene.attribution.showing is None


TWO = (("ada", 0.0, 4.0), ("ben", 5.0, 9.0))
VOICES = (("A", 0.0, 4.0), ("B", 5.0, 9.0))


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    scene: Callable[[], Scene]
    start_s: float
    end_s: float
    speaker: str
    source: str
    after: str = ""


CASES = (
    Case(name="nothing is known", scene=Scene, start_s=0, end_s=2, speaker=UNKNOWN, source=UNKNOWN),
    Case(
        name="one's own stream decides against every sign",
        scene=lambda: _streamed(Scene().signs(("ben", 0.0, 4.0)), "ada", 0.0, 4.0),
        start_s=0,
        end_s=4,
        speaker="ada",
        source="platform",
    ),
    Case(
        name="a late sign names who spoke",
        scene=lambda: Scene().signs(*TWO),
        start_s=0,
        end_s=4,
        speaker="ada",
        source="platform",
    ),
    Case(
        name="a sign held over the next speaker's words does not name them",
        scene=lambda: Scene().signs(("ada", 0.0, 4.0), ("ben", 4.1, 5.0)),
        start_s=4.1,
        end_s=5.0,
        speaker="ben",
        source="platform",
    ),
    Case(
        name="a sign that came as early as a platform can",
        scene=lambda: Scene().signs(*TWO, late_s=0.2, held_s=0.6),
        start_s=5,
        end_s=9,
        speaker="ben",
        source="platform",
    ),
    Case(
        name="a sign that came as late as a platform can",
        scene=lambda: Scene().signs(*TWO, late_s=1.0, held_s=1.2),
        start_s=5,
        end_s=9,
        speaker="ben",
        source="platform",
    ),
    Case(
        name="who speaks while the sign is still shown",
        scene=lambda: _on(Scene().signs(("ada", 0.0, 3.0)), "ben", 4.5),
        start_s=4.0,
        end_s=6.0,
        speaker="ben",
        source="platform",
    ),
    Case(
        name="two at once: who speaks more of it",
        scene=lambda: Scene().signs(("ada", 0.0, 4.0), ("ben", 3.0, 4.0)),
        start_s=0,
        end_s=4,
        speaker="ada",
        source="platform",
    ),
    Case(
        name="two alike: who spoke before keeps the floor",
        scene=lambda: Scene().signs(("ada", 0.0, 4.0), ("ben", 0.0, 4.0)),
        start_s=1,
        end_s=3,
        speaker="ben",
        source="platform",
        after="ben",
    ),
    Case(
        name="a known voice against a wrong sign",
        scene=lambda: Scene().signs(*TWO, ("ben", 10.0, 12.0)).voices(*VOICES, ("A", 10.0, 12.0)),
        start_s=10,
        end_s=12,
        speaker="ada",
        source="acoustic",
    ),
    Case(
        name="a known voice without any sign",
        scene=lambda: Scene().signs(*TWO).voices(*VOICES, ("B", 20.0, 22.0)),
        start_s=20,
        end_s=22,
        speaker="ben",
        source="acoustic",
    ),
    Case(
        name="two unknown voices: the one that says more",
        scene=lambda: Scene().voices(("A", 0.0, 1.0), ("B", 0.5, 3.0)),
        start_s=0,
        end_s=3,
        speaker="speaker-B",
        source="acoustic",
    ),
    Case(
        name="an unknown voice under a clear sign is not yet bound and takes its name",
        scene=lambda: Scene().signs(("ada", 0.0, 1.0)).voices(("A", 0.0, 1.0)),
        start_s=0,
        end_s=1,
        speaker="ada",
        source="platform",
    ),
    Case(
        name="beyond the frontier no voice is believed",
        scene=lambda: Scene().signs(*TWO).voices(*VOICES, ("A", 10.0, 12.0), until_s=11.0),
        start_s=10,
        end_s=12,
        speaker=UNKNOWN,
        source=UNKNOWN,
    ),
    Case(
        name="someone who joins late has a voice and a name of their own",
        scene=lambda: Scene().signs(*TWO, ("cleo", 60.0, 64.0)).voices(*VOICES, ("C", 60.0, 64.0), ("C", 70.0, 72.0)),
        start_s=70,
        end_s=72,
        speaker="cleo",
        source="acoustic",
    ),
    Case(
        name="a voice seen with two alike stays a stranger",
        scene=lambda: Scene().signs(("ada", 0.0, 3.0), ("ben", 0.0, 3.0)).voices(("A", 0.0, 3.0), ("A", 8.0, 9.0)),
        start_s=8,
        end_s=9,
        speaker="speaker-A",
        source="acoustic",
    ),
)


def _streamed(scene: Scene, who: str, start_s: float, end_s: float) -> Scene:
    scene.attribution.spoke(who, at(start_s), at(end_s))
    return scene


def _on(scene: Scene, who: str, at_s: float) -> Scene:
    scene.attribution.shows(who, at(at_s), active=True)
    return scene


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_the_evidence_says_who(case: Case) -> None:
    found = case.scene().who(case.start_s, case.end_s, after=case.after)
    assert (found.speaker_id, found.name_source) == (case.speaker, case.source)
    assert (found.confidence > 0.3) == (case.speaker != UNKNOWN), found


def test_a_wrong_binding_is_undone_only_when_another_is_clearly_ahead() -> None:
    scene = Scene().signs(("ada", 0.0, 2.0)).voices(("A", 0.0, 2.0))
    assert scene.attribution.bound("A") == "ada"
    before = scene.attribution.corrected
    scene.signs(("ben", 10.0, 12.2)).voices(("A", 10.0, 12.2))
    assert scene.attribution.bound("A") == "ada" and scene.attribution.corrected == before
    scene.signs(("ben", 20.0, 23.0)).voices(("A", 20.0, 23.0))
    assert scene.attribution.bound("A") == "ben" and scene.attribution.corrected > before


def test_a_span_that_is_superseded_or_withdrawn_no_longer_counts() -> None:
    scene = Scene().voices(("A", 0.0, 2.0), ("A", 3.0, 5.0))
    scene.attribution.heard_voice(3, "B", 0, at(2.0), confidence=0.9, instead=(1,))
    scene.attribution.withdraw((2,))
    assert scene.who(0, 2).voice == "B" and scene.who(3, 5).voice is None
    assert scene.attribution.corrected >= 2


def words(*spans: tuple[float, float]) -> tuple[HeardWord, ...]:
    return tuple(
        HeardWord(start_sample=at(start_s), end_sample=at(end_s), text=f"w{index}", confidence=1.0)
        for index, (start_s, end_s) in enumerate(spans)
    )


def test_words_by_two_speakers_are_parted_where_the_speaker_changes() -> None:
    scene = Scene().signs(*TWO).voices(*VOICES, ("A", 10.0, 11.5), ("B", 11.5, 13.0))
    said = words((10.0, 10.4), (10.5, 11.3), (11.6, 12.0), (12.1, 12.9))
    parts = scene.attribution.parts(at(10.0), at(13.0), said)
    assert [(part.who.speaker_id, len(part.words)) for part in parts] == [("ada", 2), ("ben", 2)]
    assert parts[0].end_sample == parts[1].start_sample == said[2].start_sample


@pytest.mark.parametrize("stray", [0, 2, 4])
def test_a_stray_syllable_parts_nothing(stray: int) -> None:
    said = words(*((10.0 + 0.4 * index, 10.35 + 0.4 * index) for index in range(5)))
    voices = [
        ("B" if index == stray else "A", word.start_sample / RATE_HZ, word.end_sample / RATE_HZ)
        for index, word in enumerate(said)
    ]
    scene = Scene().signs(*TWO).voices(*VOICES, *voices)
    (part,) = scene.attribution.parts(at(10.0), at(11.9), said)
    assert part.who.speaker_id == "ada" and part.words == said


def test_an_hour_of_evidence_takes_the_room_of_minutes() -> None:
    scene = Scene()
    for minute in range(60):
        start_s = minute * 60.0
        scene.signs(*((who, start_s + 6 * n, start_s + 6 * n + 4) for n, who in enumerate("abcdefghij")))
        scene.voices(*((who, start_s + 6 * n, start_s + 6 * n + 4) for n, who in enumerate("ABCDEFGHIJ")))
    kept = scene.attribution.kept
    assert kept < 100 < MOST_KEPT
    assert scene.who(3594, 3598).speaker_id == "j"
    assert scene.who(0, 4).speaker_id == UNKNOWN
