"""The soak's figures and its picture: what was put in comes out, a leak and a drift are found, noise is not."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from bot.rehearsal.measure import Sound
from bot.rehearsal.reference import Reference
from tests.benchmarks._curves import Panel, step_of, svg
from tests.benchmarks._soak_measure import Line, Sample, figures_of, growth, line_of, trend
from tests.bot.rehearsal.synthetic import RATE_HZ, faces, opening, sound, speech

MINUTES = 40.0


def lines(skew_ms: float, drift_ms: float = 0.0) -> list[Line]:
    noise = np.random.default_rng(2).normal(0, 8, 160)
    return [
        Line(
            at_min=number / 4,
            skew_ms=skew_ms + drift_ms * number / 160 + float(noise[number]),
            frames=100,
            repeated=1,
            dropped=0,
            gap_ms=5.0,
        )
        for number in range(160)
    ]


def samples(leak_mb: float = 0.0, leak_files: int = 0) -> list[Sample]:
    """A minute of loading, then level but for what leaks."""
    made = []
    for number in range(400):
        share = number / 400
        loaded_mb = 300 + 80 * min(1.0, number / 10)
        memory = {"browser": loaded_mb + number % 7, "meeting": 100 + leak_mb * share}
        made.append(Sample(at_min=MINUTES * share, memory_mb=memory, files={"meeting": 90 + round(leak_files * share)}))
    return made


def broken(count: int, *, stolen: float = 0.0) -> list[Line]:
    """So many with a hole, while the host took that share of the machine."""
    return [replace(one, gap_ms=900.0, stolen=stolen) for one in lines(-30)[:count]] + lines(-30)[count:]


def unseen(part: str, seen: list[Sample]) -> list[Sample]:
    return [replace(one, memory_mb={name: mb for name, mb in one.memory_mb.items() if name != part}) for one in seen]


@pytest.mark.parametrize(
    ("seen", "held", "said"),
    [
        (lines(-30), samples(), []),
        (lines(-30, drift_ms=60), samples(), ["drift"]),
        (lines(80), samples(), ["apart"]),
        ([], samples(), ["laid over"]),
        (lines(-30), samples(leak_mb=120), ["memory grows", "its meeting"]),
        (lines(-30), samples(leak_mb=38), ["its meeting"]),
        (lines(-30), samples(leak_files=40), ["files"]),
        ([replace(one, skew_ms=None) for one in lines(-30)[:40]] + lines(-30)[40:], samples(), ["resemble"]),
        ([replace(one, repeated=8) for one in lines(-30)], samples(), ["frames"]),
        ([replace(one, dropped=8) for one in lines(-30)], samples(), ["frames"]),
        ([replace(one, gap_ms=-90.0) for one in lines(-30)], samples(), ["longer or shorter"]),
        (broken(10), samples(), ["10 of 160"]),
        (broken(10, stolen=0.2), samples(), ["10 of 160"]),
        (lines(-30)[10:] + lines(90)[:10], samples(), ["are apart"]),
        (lines(-30), samples()[:300] + unseen("browser", samples()[300:]), ["nothing is known of its browser"]),
        (lines(-30), unseen("browser", samples()[:9]) + samples()[9:], []),
    ],
    ids=[
        *(
            "well",
            "drift",
            "apart",
            "nothing",
            "memory",
            "one part's memory",
            "files",
            "unlike",
            "repeated",
            "missing",
            "gaps",
        ),
        *("broken", "broken by others", "some apart", "unseen", "late"),
    ],
)
def test_what_goes_wrong_over_the_time_is_said_and_noise_is_not(
    seen: list[Line], held: list[Sample], said: list[str]
) -> None:
    problems = figures_of(seen, held, minutes=MINUTES)["problems"]
    assert isinstance(problems, list) and len(problems) == len(said)
    assert all(word in problem for word, problem in zip(said, problems, strict=True))


def test_lines_during_which_the_host_took_the_machine_are_told_apart() -> None:
    figures = figures_of(broken(10, stolen=0.2), samples(), minutes=MINUTES)
    assert [figures[name] for name in ("lines_broken", "lines_undisturbed", "lines_undisturbed_broken")] == [10, 150, 0]


def test_a_line_at_the_device_tells_its_skew_its_lost_frames_and_its_gap() -> None:
    pcm = speech(3.0, lead_s=0.5, tail_s=0.5)
    reference = Reference(mouth=opening(sound(pcm)), sound=sound(pcm))
    heard = Sound(pcm=np.insert(pcm, 2 * RATE_HZ, np.zeros(RATE_HZ // 10, np.int16)), rate_hz=RATE_HZ, start_s=60.0)
    seen = opening(sound(pcm), late_s=60.03)
    shown = [at for at in range(len(seen)) if at not in (30, 31, 50)]
    line = line_of(1.0, heard, list(seen.times_s[shown]), faces(seen.values[shown]), reference)
    assert line.skew_ms == pytest.approx(30, abs=60), "half of the line is a tenth of a second later"
    assert (line.repeated, line.gap_ms) == (3, pytest.approx(100, abs=2)) and 2 <= line.dropped <= 4


def test_a_trend_is_not_bent_by_an_outlier_and_little_has_none() -> None:
    points = [(float(at), 2.0 * at) for at in range(20)]
    points[10] = (10.0, 900.0)
    assert trend(points, minutes=40.0) == pytest.approx(80.0, abs=1)
    assert trend(points[:3], minutes=40.0) is None and growth(points[:8], minutes=20.0) is None


def test_the_picture_is_valid_and_holds_every_panel_and_point() -> None:
    panels = [
        Panel(
            title="a <skew>",
            curves={"a line": [(0.5, -20.0), (30.0, 10.0)]},
            dots=True,
            bounds={"+45": 45.0},
            least=(0, 60),
        ),
        Panel(title="memory", curves={"all": [(0.0, 500.0), (40.0, 520.0)], "browser": []}),
    ]
    root = ElementTree.fromstring(svg("A bot for 40 minutes", panels, minutes=40.0))
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert tags.count("circle") == 2
    assert {"a <skew>", "memory", "+45", "browser"} <= {element.text for element in root.iter()}
    assert (step_of(40.0, most=10), step_of(0.7, most=5)) == (5.0, 0.2)
