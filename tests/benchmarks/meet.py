"""How the bot's picture and voice reach another participant: two Chromiums in the simulator, on this machine.

Latencies compare clocks of one machine. Frames carry a number as twelve dark or bright blocks along their top, the
voice is bursts of 1 kHz. `fps_distinct` leaves out frames that came twice.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from connectors.base import MICROPHONE_RATE_HZ, Connector, Frame, JoinRequest, Pcm
from connectors.kit.microphone import SLICE
from connectors.meet.connector import MeetConnector
from tests.benchmarks._report import report
from tests.benchmarks._said import Said
from tests.connectors.meeting_stage import MeetingStage, meeting_stage

BITS = 12
BURST_EVERY_S = 0.5
BURST_S = 0.05
LOUD = 1500

READ_JS = """([bits, css]) => {
  const video = document.querySelector(css);
  const track = video.srcObject.getVideoTracks()[0];
  const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
  window.seen = [];
  (async () => {
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      const { codedWidth: width, codedHeight: height } = frame;
      const row = Math.round(height / 30 / 2) * 2;
      const area = { x: 0, y: row, width, height: 2 };
      const bytes = new Uint8Array(frame.allocationSize({ rect: area }));
      await frame.copyTo(bytes, { rect: area });
      frame.close();
      let id = 0;
      for (let bit = 0; bit < bits; bit += 1) id = id * 2 + (bytes[Math.floor(((bit + 0.5) * width) / bits)] >> 7);
      window.seen.push([id, performance.timeOrigin + performance.now(), width, height]);
    }
  })();
}"""


class Device:
    """The bot's device thread: a numbered moving picture, and a burst every half second or `speech` over and over. It
    costs little: several share an interpreter, and one that is late says nothing meanwhile."""

    def __init__(self, connector: Connector, speech: Pcm | None = None) -> None:
        self._connector = connector
        self._step = MICROPHONE_RATE_HZ // connector.camera.fps
        self.said = None if speech is None else Said(speech, SLICE)
        self._owed = 0  # samples, less than a slice
        self._stop = threading.Event()
        self.shown_ms: dict[int, float] = {}
        self.bursts_s: list[float] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        camera, microphone = self._connector.camera, self._connector.microphone
        burst = (12000 * np.sin(2 * np.pi * 1000 * np.arange(self._step) / MICROPHONE_RATE_HZ)).astype(np.int16)
        every = round(BURST_EVERY_S * camera.fps)
        paint = painter(camera.width, camera.height)
        number = 0
        while not self._stop.is_set():
            frame = paint(number)
            if self.said is not None:
                self._speak(self.said)
            elif number % every == 0:
                self.bursts_s.append(time.monotonic())
                microphone.write(burst, epoch=1)
            else:
                microphone.write(np.zeros_like(burst), epoch=1)
            self.shown_ms[number] = time.time() * 1000
            camera.show(frame, epoch=1)
            number = (number + 1) % (1 << BITS)

    def _speak(self, said: Said) -> None:
        """For as long as a picture stands."""
        self._owed += self._step
        while self._owed >= SLICE:
            self._owed -= SLICE
            self._connector.microphone.write(said.hand_over(time.monotonic()), epoch=1)


def painter(width: int, height: int) -> Callable[[int], Frame]:
    """Paints into one frame: a still that moves three pixels a picture, and above it the picture's number."""
    rng = np.random.default_rng(1)
    still = np.kron(rng.integers(40, 200, (height // 20, width // 20), np.uint8), np.ones((20, 20), np.uint8))
    twice = np.concatenate([still, still], axis=1)
    block = np.arange(width) * BITS // width  # of each column
    frame = np.full((height * 3 // 2, width), 128, np.uint8)

    def paint(number: int) -> Frame:
        at = width - 3 * number % width
        frame[:height] = twice[:, at : at + width]
        frame[: height // 12] = np.where(number >> (BITS - 1 - block) & 1, 235, 16)
        return frame

    return paint


async def measure(*, way: str, seconds: float, settle_s: float, headless: bool) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="understudy-bench-"))
    async with meeting_stage(folder / "guest") as stage:
        url = await stage.open_meeting(lobby=False)
        await stage.guest_joins("Guest")
        async with MeetConnector(folder / "bot", camera=way, headless=headless) as connector:
            await connector.join(JoinRequest(meeting_url=url, display_name="Iris (AI)"))
            device = Device(connector)
            try:
                await asyncio.sleep(settle_s)
                return await _figures(stage, connector, device, seconds)
            finally:
                device.stop()
                await connector.leave()


async def _figures(stage: MeetingStage, connector: MeetConnector, device: Device, seconds: float) -> dict[str, Any]:
    await stage.guest.page.evaluate(READ_JS, [BITS, ".tile:not(.own) video"])
    families = {"bot": connector.browser.processes(), "guest": stage.guest.processes()}
    before = {name: _cpu_s(family) for name, family in families.items()}
    own_before, start_s = time.process_time(), time.monotonic()
    first = await stage.guest.page.evaluate("window.seen.length")
    heard_s = await asyncio.to_thread(_onsets_s, stage, seconds)
    seen = (await stage.guest.page.evaluate("window.seen"))[first:]
    wall_s = time.monotonic() - start_s
    delays_ms = [at_ms - device.shown_ms[number] for number, at_ms, _, _ in seen if number in device.shown_ms]
    voice_ms = [_after(burst_s, heard_s) for burst_s in device.bursts_s if start_s < burst_s < start_s + seconds - 1]
    return {
        "camera_way": connector.camera_way,
        "fps_received": round(len(seen) / wall_s, 2),
        "fps_distinct": round(len({number for number, *_ in seen}) / wall_s, 2),
        "size_received": f"{seen[-1][2]}x{seen[-1][3]}" if seen else "",
        "full_size_s": _full_size_s(seen, connector.camera.width),
        "camera_to_far_eye_ms": _spread(delays_ms),
        "microphone_to_far_ear_ms": _spread([one for one in voice_ms if one is not None]),
        "bursts": len(voice_ms),
        "cpu_share": {
            **{name: round((_cpu_s(family) - before[name]) / wall_s, 3) for name, family in families.items()},
            "python_of_both": round((time.process_time() - own_before) / wall_s, 3),
        },
    }


def _full_size_s(seen: list[list[float]], width: int) -> float | None:
    """From the first frame that was looked at to the first one of full width."""
    full_ms = next((at_ms for _, at_ms, seen_width, _ in seen if seen_width >= width), None)
    return None if full_ms is None else round((full_ms - seen[0][1]) / 1000, 2)


def _onsets_s(stage: MeetingStage, seconds: float) -> list[float]:
    """When the guest's loudspeaker became loud, on this machine's monotonic clock."""
    record = stage.sound.listen()
    onsets: list[float] = []
    quiet_s, until_s = 1.0, time.monotonic() + seconds
    while time.monotonic() < until_s:
        pcm = np.abs(record.read(240).astype(np.int32))
        begins_s = time.monotonic() - record.delay_s() - 240 / MICROPHONE_RATE_HZ
        if pcm.max() > LOUD:
            if quiet_s > 0.2:
                onsets.append(begins_s + float((pcm > LOUD).argmax()) / MICROPHONE_RATE_HZ)
            quiet_s = 0.0
        else:
            quiet_s += 240 / MICROPHONE_RATE_HZ
    record.close()
    return onsets


def _after(burst_s: float, onsets_s: list[float]) -> float | None:
    return next(((at_s - burst_s) * 1000 for at_s in onsets_s if 0 < at_s - burst_s < BURST_EVERY_S), None)


def _spread(values: list[float]) -> dict[str, float] | None:
    if len(values) < 2:
        return None
    return {"median": round(statistics.median(values), 1), "p95": round(float(np.percentile(values, 95)), 1)}


def _cpu_s(family: list[psutil.Process]) -> float:
    total = 0.0
    for process in family:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--camera", default="auto")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--settle", type=float, default=15.0)
    parser.add_argument("--headed", action="store_true")
    args = parser.parse_args()
    figures = asyncio.run(
        measure(way=args.camera, seconds=args.seconds, settle_s=args.settle, headless=not args.headed)
    )
    report("meet", vars(args), figures)


if __name__ == "__main__":
    main()
