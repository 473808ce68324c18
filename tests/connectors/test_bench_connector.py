"""What `bench connector` makes of its figures, and that it gets them: of a bot that talks, and of a host's click."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from connectors.kit.browser import PROGRAMS
from tests.benchmarks.connector import LEAST_ADMISSIONS, admissions, cost, misses_of

GOOD = {"cores": 0.4, "pss_mb": 500, "picture_arrives": True, "voice_arrives": True, "dry_share": 0.0}
SOON = {"count": LEAST_ADMISSIONS, "p95": 1.2}


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({}, []),
        ({"cores": 0.51}, ["teams 640x360: cores"]),
        ({"pss_mb": 601}, ["teams 640x360: memory"]),
        ({"picture_arrives": False}, ["teams 640x360: no picture"]),
        ({"voice_arrives": False}, ["teams 640x360: no voice"]),
        ({"dry_share": 0.5}, ["teams 640x360: the bot did not talk all the time"]),
    ],
)
def test_the_bench_judges_what_a_bot_costs(change: dict[str, Any], missed: list[str]) -> None:
    assert misses_of({"cost": {"teams 640x360": {**GOOD, **change}}}) == missed


def test_a_larger_picture_has_no_limit_of_cost_but_has_to_arrive() -> None:
    assert misses_of({"cost": {"zoom 1280x720": {**GOOD, "cores": 1.0, "pss_mb": 900}}}) == []
    assert misses_of({"cost": {"zoom 1280x720": {**GOOD, "picture_arrives": False}}}) == ["zoom 1280x720: no picture"]


def test_the_bench_judges_how_soon_a_click_is_found() -> None:
    assert misses_of({"admission_s": {"meet": SOON}}) == []
    assert misses_of({"admission_s": {"meet": {**SOON, "p95": 2.1}}}) == ["meet: admission"]
    assert misses_of({"admission_s": {"meet": {**SOON, "count": 1}}}) == ["meet: too few admissions"]


@pytest.mark.acceptance
@pytest.mark.browser
@pytest.mark.sound
@pytest.mark.timeout(240)
@pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed")
@pytest.mark.skipif(not shutil.which("pulseaudio"), reason="no PulseAudio is installed")
async def test_the_bench_has_its_figures_of_a_bot_that_is_seen_and_heard() -> None:
    found = await cost("teams", "640x360", 24, settle_s=8.0, seconds=5.0)
    assert found["picture_arrives"] and found["voice_arrives"] and found["cores"] > 0 and found["pss_mb"] > 0, found
    assert set(found["cores_by_part"]) >= {"python", "chrom", "pulseaudio"}, found
    assert (await admissions("zoom", 2))["count"] == 2
