"""One kill of a bot whose event loop is blocked while it speaks, with what its devices gave before and after.

Sound is recorded at the monitor of the bot's own sound server, the picture is read where the browser's camera reads it.
Times are `time.monotonic` seconds of this process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from bot.meeting.badge import Badge, neutral_picture
from bot.rehearsal.client import Json
from bot.rehearsal.measure import spans
from bot.rehearsal.recording import Recording
from connectors.base import DeviceFailed
from connectors.kit.camera.file import FRAME_HEAD
from connectors.kit.pulse import Record
from connectors.kit.sound import MICROPHONE_SINK
from tests.journeys.hanging import BLOCKED
from tests.journeys.small_stage import SmallStage
from tests.polling import eventually

RATE_HZ = 24_000
PIECE = RATE_HZ // 100
JOIN_S = 60.0
SILENT_S = 1.0  # after which sound has ended and not only paused


@dataclass(frozen=True, kw_only=True, slots=True)
class Kill:
    """One kill. `tone_end_s`: when the sound would have ended by itself; `went_on`: the loop ran again."""

    asked_s: float
    answered_s: float
    silent_s: float
    neutral_s: float
    tone_began_s: float
    went_on: bool
    bot: Json
    events: list[Json]
    picture: np.ndarray
    expected_picture: np.ndarray
    camera_folder: Path


async def kill_while_blocked(stage: SmallStage) -> Kill:
    bot, launched, room = await stage.send_bot()
    async with stage.guest(room, "Ada"):
        await eventually(lambda: listens(sound_server_of(launched.pid)), JOIN_S)
        with listening(sound_server_of(launched.pid)) as recording:
            await eventually(lambda: BLOCKED in stage.log_of(bot["id"]), JOIN_S)
            await eventually(lambda: sounds(recording), 5.0)
            path = camera_file_of(launched.pid)
            camera = Picture(path)
            asked_s = time.monotonic()
            await stage.client.kill(bot["id"])
            answered_s = time.monotonic()
            await eventually(lambda: camera.is_neutral(), 10.0)
            await eventually(lambda: time.monotonic() - _last_sound_s(recording, asked_s) > SILENT_S, 10.0)
            silent_s = _last_sound_s(recording, asked_s)
            first = spans(recording.sound(asked_s - 10.0, time.monotonic()))[-1].start_s
            picture = camera.read()
            went_on = "the loop goes on" in stage.log_of(bot["id"])
        over = await stage.client.until_state(bot["id"], (), timeout_s=60.0)
    return Kill(
        asked_s=asked_s,
        answered_s=answered_s,
        silent_s=silent_s,
        neutral_s=camera.neutral_s,
        tone_began_s=first,
        went_on=went_on,
        bot=over,
        events=await stage.client.events(bot["id"]),
        picture=picture,
        expected_picture=camera.expected,
        camera_folder=path.parent,
    )


class Picture:
    """What the camera gives the browser, and since when it is the neutral picture with the badge."""

    def __init__(self, path: Path) -> None:
        self._path = path
        head = path.open("rb").readline()
        self._skip = len(head) + len(FRAME_HEAD)
        width, height = (int(word[1:]) for word in head.decode().split()[1:3])
        self._shape = (height * 3 // 2, width)
        self.expected = neutral_picture(width, height)
        Badge(width=width, height=height).on(self.expected)
        self.neutral_s = 0.0

    def read(self) -> np.ndarray:
        count = self._shape[0] * self._shape[1]
        return np.fromfile(self._path, np.uint8, count, offset=self._skip).reshape(self._shape)

    def is_neutral(self) -> bool:
        if np.array_equal(self.read(), self.expected):
            self.neutral_s = self.neutral_s or time.monotonic()
        return bool(self.neutral_s)


def _monitor(address: str) -> Record:
    return Record(address, f"{MICROPHONE_SINK}.monitor", rate_hz=RATE_HZ, piece_s=0.01)


def listens(address: str) -> bool:
    """The server's socket is there a moment before the server."""
    with suppress(DeviceFailed):
        if address:
            _monitor(address).close()
            return True
    return False


@contextmanager
def listening(address: str) -> Iterator[Recording]:
    """What leaves the bot's microphone."""
    recording, stop = Recording(RATE_HZ), threading.Event()
    source = _monitor(address)

    def listen() -> None:
        with suppress(DeviceFailed):  # its server has ended
            while not stop.is_set():
                recording.add(source.read(PIECE), arrived_s=time.monotonic())

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield recording
    finally:
        stop.set()
        thread.join(5.0)
        source.close()


def _last_sound_s(recording: Recording, since_s: float) -> float:
    found = spans(recording.sound(since_s - 1.0, time.monotonic()))
    return found[-1].end_s if found else since_s


def sounds(recording: Recording, since_s: float | None = None) -> bool:
    """Since then, or just now."""
    now_s = time.monotonic()
    return bool(spans(recording.sound(now_s - 0.3 if since_s is None else since_s, now_s)))


def _of_bot(pid: int | None, wanted: Callable[[psutil.Process], str]) -> str:
    """The first answer of the bot's processes."""
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if found := wanted(process):
                    return found
    return ""


def sound_server_of(pid: int | None) -> str:
    """The address of the sound server of the bot whose parent is `pid`; empty while there is none."""

    def address(process: psutil.Process) -> str:
        words = process.cmdline() if process.name() == "pulseaudio" else []
        socket = Path(words[words.index("-F") + 1]).parent / "pulse.sock" if "-F" in words else Path("/none")
        return f"unix:{socket}" if socket.exists() else ""

    return _of_bot(pid, address)


def camera_file_of(pid: int | None) -> Path:
    """The file that the browser of the bot whose parent is `pid` reads as its camera."""

    def file(process: psutil.Process) -> str:
        return next((str(path) for path in Path("/dev/shm").glob(f"understudy-camera-{process.pid}-*/Camera.y4m")), "")

    return Path(_of_bot(pid, file))
