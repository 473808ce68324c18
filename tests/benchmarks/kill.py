"""The kill switch: from the request to the API until the bot's microphone is silent and its picture neutral, while the
bot speaks and its event loop is blocked. Measured at the bot's own sound server and where its browser reads the camera.

`./understudy bench kill [COUNT]`; COUNT kills, 10 when left out.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bot.config import Settings
from tests.benchmarks._report import percentiles, report
from tests.journeys.hanging import HANGING, TONE_S
from tests.journeys.killing import Kill, kill_while_blocked
from tests.journeys.small_stage import small_stage


async def kills(count: int, home: Path) -> list[Kill]:
    async with small_stage(replace(Settings(), home=home, camera_path="file"), argv=HANGING, engine="hanging") as stage:
        return [await kill_while_blocked(stage) for _ in range(count)]


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory(prefix="kill-") as home:
        done = asyncio.run(kills(count, Path(home)))
    figures = {
        "kill_to_silence_ms": percentiles([1000 * (kill.silent_s - kill.asked_s) for kill in done], digits=1),
        "kill_to_neutral_picture_ms": percentiles([1000 * (kill.neutral_s - kill.asked_s) for kill in done], digits=1),
        "api_answer_ms": percentiles([1000 * (kill.answered_s - kill.asked_s) for kill in done], digits=1),
        "loop_blocked_throughout": sum(not kill.went_on for kill in done),
        "silent_before_the_sound_ended": sum(kill.silent_s < kill.tone_began_s + TONE_S - 0.5 for kill in done),
        "ended_as_killed": sum(kill.bot["code"] == "killed" for kill in done),
    }
    report("kill", {"count": count, "engine": "hanging", "tone_s": TONE_S, "camera": "file"}, figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
