"""A bot in one meeting for a long time, at its own devices: sound against picture, frames, gaps, memory, open files.

`./understudy bench soak --minutes 40`: a bot on real parts (browser, sound server, portrait, ears) beside a person in a
second browser. Every quarter of a minute it says a line; what its microphone and its camera gave is read where the
browser takes it and laid over the same line rendered off-line. The person asks something now and then, so that ears and
mind work too. Series go to `soak.json`, the picture to `soak.svg`; the last line is JSON. 0 when the bot stayed to the
end and nothing drifted or grew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bot.config import Settings
from bot.errors import BotError
from bot.library import SHIPPED
from bot.rehearsal.asker import BrowserAsker
from bot.rehearsal.client import ApiSaidNo
from bot.rehearsal.measure import spans
from bot.rehearsal.recording import Recording
from bot.rehearsal.reference import Reference, Renderer, mouth_box
from bot.store import counters
from tests.benchmarks._curves import Panel, svg
from tests.benchmarks._report import ROOT, commit, report
from tests.benchmarks._soak_devices import Machine, Pictures, sample_of
from tests.benchmarks._soak_measure import SKEW_MS, Line, Sample, figures_of, line_of, total
from tests.journeys.killing import camera_file_of, listening, listens, sound_server_of
from tests.journeys.small_stage import SmallStage, small_stage
from tests.polling import eventually

RESULTS = ROOT / "tests" / "benchmarks" / "results"
SAID = (
    "Water the tomatoes in the morning, at the root, and keep the leaves dry while the sun is low.",
    "Plant garlic in the autumn, a hand apart, and cover the whole bed with a little straw.",
    "Roses are pruned when the forsythia blooms, just above a bud that looks to the outside.",
)
ASKED = "Iris, when should I water the tomatoes?"
EVERY_S, ASK_EVERY = 15.0, 4
SETTLE_S, JOIN_S, SPEAK_S, SAY_LIMIT_S, QUIET_S = 10.0, 120.0, 10.0, 30.0, 1.2
MARGIN_S = 0.5
LISTEN_S = 0.2  # looking through all that was recorded is work, beside which the bot is measured


class Soak:
    """What was measured so far. `began_s` is when the time began to count."""

    def __init__(self, stage: SmallStage, bot_id: str, pid: int, references: Sequence[Reference]) -> None:
        self._stage, self._bot_id, self._pid, self._references = stage, bot_id, pid, references
        self.lines: list[Line] = []
        self.samples: list[Sample] = []
        self.missed = self.unanswered = 0
        self.broke_off = ""  # why, where it did
        self.began_s = time.monotonic()

    def minute(self) -> float:
        return (time.monotonic() - self.began_s) / 60

    async def run(self, minutes: float, sound: Recording, pictures: Pictures, asker: BrowserAsker) -> None:
        """To the end, or until the bot is gone: what was measured until then is not lost."""
        try:
            await self._lines(minutes, sound, pictures, asker)
        except (BotError, TimeoutError) as error:
            self.broke_off = f"broken off after {self.minute():.1f} minutes: {error or type(error).__name__}"

    async def _lines(self, minutes: float, sound: Recording, pictures: Pictures, asker: BrowserAsker) -> None:
        turn = 0
        while self.minute() < minutes:
            ends_s = time.monotonic() + EVERY_S
            await self._say(turn % len(SAID), sound, pictures)
            turn += 1
            if turn % ASK_EVERY == 0:
                await self._ask(sound, asker)
            await self.sample()
            print(
                f"{self.minute():5.1f} min, {len(self.lines)} lines, {self.missed} missed{self._last()}",
                file=sys.stderr,
            )
            await asyncio.sleep(max(0.0, ends_s - time.monotonic()))

    async def _ask(self, sound: Recording, asker: BrowserAsker) -> None:
        """A question, and its answer to the end, so that none of it gets into the next line."""
        await asker.say(ASKED)
        asked_s = time.monotonic()
        try:
            await eventually(lambda: _last_end_s(sound, asked_s) is not None, SPEAK_S, every_s=LISTEN_S)
            await _until_quiet(sound, asked_s)
        except TimeoutError:
            self.unanswered += 1

    def _last(self) -> str:
        if not self.lines:
            return ""
        last = self.lines[-1]
        frames = f"{last.repeated} frames repeated, {last.dropped} dropped"
        taken = f"{last.busy:.0%} busy, {last.stolen:.0%} taken by the host"
        return f"; the last: skew {last.skew_ms} ms, {frames}, gap {last.gap_ms} ms, {taken}"

    async def sample(self) -> None:
        """What its processes hold: between lines, as the kernel keeps a process waiting while it counts its memory."""
        self.samples.append(await asyncio.to_thread(sample_of, self._pid, self.minute()))

    async def _say(self, which: int, sound: Recording, pictures: Pictures) -> None:
        at_min, asked_s, machine = self.minute(), time.monotonic(), Machine()
        await self._stage.client.say(self._bot_id, SAID[which])
        try:
            with pictures.looking():
                await eventually(lambda: _last_end_s(sound, asked_s) is not None, SPEAK_S, every_s=LISTEN_S)
                end_s = await _until_quiet(sound, asked_s)
            busy, stolen = machine.shares()
            whole = sound.sound(asked_s, end_s + MARGIN_S)
            times_s, crops = pictures.between(asked_s, end_s + MARGIN_S)
            reference = self._references[which]
            line = await asyncio.to_thread(line_of, at_min, whole, times_s, crops, reference)
            self.lines.append(replace(line, busy=busy, stolen=stolen))
        except (TimeoutError, ValueError):
            self.missed += 1


async def soak(minutes: float, home: Path, settings: Settings) -> tuple[Soak, dict[str, Any]]:
    async with AsyncExitStack() as stack:
        # Whatever is a child of this process and not of the bot host is started before that: the host ends orphans.
        async with Renderer(SHIPPED, settings.video) as renderer:
            references = [await renderer.render(text) for text in SAID]
        asker = await stack.enter_async_context(BrowserAsker(home / "asker", voice="rms"))
        stage = await stack.enter_async_context(small_stage(replace(settings, home=home, camera_path="file")))
        bot, launched, room = await stage.send_bot()
        await asker.prepare([ASKED])
        await asker.join(stage.simulator.url(room))
        await stage.client.until_state(bot["id"], ("in_call",), timeout_s=JOIN_S)
        await eventually(lambda: listens(sound_server_of(launched.pid)), JOIN_S)
        sound = stack.enter_context(listening(sound_server_of(launched.pid)))
        pictures = stack.enter_context(Pictures(camera_file_of(launched.pid), mouth_box(SHIPPED / "record")))
        await _until_quiet(sound, time.monotonic(), quiet_s=SETTLE_S)
        measured = Soak(stage, bot["id"], launched.pid or 0, references)
        await measured.run(minutes, sound, pictures, asker)
        with suppress(ApiSaidNo):  # one that is gone already
            await stage.client.leave(bot["id"])
        over = await stage.client.until_state(bot["id"], (), timeout_s=60.0)
        events = await stage.client.events(bot["id"])
        summary = next((event["data"] for event in events if event["kind"] == "media.summary"), {})
        return measured, {**over, "frames": await _counted(stage, "frames"), "media": summary}


async def _counted(stage: SmallStage, figure: str) -> dict[str, float]:
    """What the bot itself counted, by its one label."""
    async with stage.database.read() as session:
        counted = await counters.read(session)
    return {labels[0]: series.value for labels, series in counted.get(figure, {}).items()}


def _last_end_s(sound: Recording, since_s: float) -> float | None:
    found = spans(sound.sound(since_s, time.monotonic()))
    return found[-1].end_s if found else None


async def _until_quiet(sound: Recording, since_s: float, *, quiet_s: float = QUIET_S) -> float:
    """When the last sound since then ended, once nothing more came for a while. Raises TimeoutError."""

    def quiet() -> bool:
        return time.monotonic() - (_last_end_s(sound, since_s) or since_s) > quiet_s

    await eventually(quiet, SAY_LIMIT_S, every_s=LISTEN_S)
    return _last_end_s(sound, since_s) or since_s


def panels_of(lines: Sequence[Line], samples: Sequence[Sample]) -> list[Panel]:
    parts = sorted({part for sample in samples for part in sample.memory_mb})
    skew = [(line.at_min, line.skew_ms) for line in lines if line.skew_ms is not None]
    by_part = {part: [(one.at_min, one.memory_mb.get(part, 0.0)) for one in samples] for part in parts}
    return [
        Panel(
            title="sound against picture at the device, ms (+ = sound early)",
            curves={"a line": skew},
            dots=True,
            bounds={"+45": SKEW_MS[1], "-125": SKEW_MS[0]},
            least=(-130.0, 60.0),
        ),
        Panel(
            title="frames of a line",
            curves={
                "repeated": [(line.at_min, line.repeated) for line in lines],
                "dropped": [(line.at_min, line.dropped) for line in lines],
            },
            dots=True,
            least=(0.0, 10.0),
        ),
        Panel(
            title="silence that got into a line, ms",
            curves={"a line": [(line.at_min, line.gap_ms) for line in lines]},
            dots=True,
            least=(-20.0, 100.0),
        ),
        Panel(
            title="the machine's processors while a line was said, per cent",
            curves={
                "busy": [(line.at_min, line.busy * 100) for line in lines],
                "taken by its host": [(line.at_min, line.stolen * 100) for line in lines],
            },
            dots=True,
            least=(0.0, 100.0),
        ),
        Panel(
            title="memory of the bot's processes, MB (proportional)",
            curves={"all": [(one.at_min, total(one.memory_mb)) for one in samples], **by_part},
        ),
        Panel(title="open files", curves={"all": [(one.at_min, total(one.files)) for one in samples]}, least=(0, 50)),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="understudy bench soak")
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--video", default=Settings().video, help="640x360 or 1280x720")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as home:
        measured, bot = asyncio.run(soak(args.minutes, Path(home), replace(Settings(), video=args.video)))
    figures = figures_of(measured.lines, measured.samples, minutes=args.minutes)
    problems = [*figures["problems"], *filter(None, [measured.broke_off])]
    problems += ["a line was not heard"] * bool(measured.missed)
    problems += [f"{measured.unanswered} questions had no answer"] * bool(measured.unanswered)
    if (bot["state"], bot["code"]) != ("ended", "asked_by_user"):
        problems.append(f"the bot ended by itself: {bot['code']}")
    args.out.mkdir(parents=True, exist_ok=True)
    series = {"lines": [asdict(one) for one in measured.lines], "samples": [asdict(one) for one in measured.samples]}
    (args.out / "soak.json").write_text(json.dumps(series), encoding="utf-8")
    title = f"A bot for {args.minutes:g} minutes, {args.video}, commit {commit()}"
    panels = panels_of(measured.lines, measured.samples)
    (args.out / "soak.svg").write_text(svg(title, panels, minutes=args.minutes), encoding="utf-8")
    told = {**figures, "problems": problems, "ok": not problems, "lines_missed": measured.missed}
    told["questions_unanswered"] = measured.unanswered
    told |= {"frames_of_the_whole_stay": bot["frames"], "media_of_the_whole_stay": bot["media"]}
    files = {"series": str(args.out / "soak.json"), "picture": str(args.out / "soak.svg")}
    report("soak", {"minutes": args.minutes, "video": args.video}, {**told, **files})
    return 0 if not problems else 1


if __name__ == "__main__":
    raise SystemExit(main())
