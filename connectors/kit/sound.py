"""One private PulseAudio daemon: a microphone a browser can choose, and ears on what the browser plays.

    async with SoundServer(folder) as sound:
        browser environment: PULSE_SERVER=sound.address
        Playback(sound.address, MICROPHONE_SINK)      what is written here is what the browser's microphone hears
        Record(sound.address, EARS_SOURCE)            what the browser plays

With `microphones` it offers one for each of several people at one browser, who choose theirs by its label:
`sink_of(name)` is where that one's voice is written.

Needs no hardware, no session bus and no rights; the socket's folder is open to this user alone (mode 0700).
"""

from __future__ import annotations

import asyncio
import re
import shutil
import wave
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import numpy as np

from connectors.base import DeviceFailed
from connectors.kit.folders import make_folder, plain_place
from connectors.kit.processes import Child, clean_environment
from connectors.kit.pulse import Pcm, Playback, Record

BOT = "bot"  # the microphone of a browser that one alone uses
MICROPHONE_SINK = f"{BOT}_mic_sink"
MICROPHONE_SOURCE = f"{BOT}_mic"
EARS_SINK = "meeting_out"
EARS_SOURCE = "meeting_out.monitor"
RATE_HZ = 48_000
START_S = 10.0
STEP_S = 0.02
SOCKET_PATH_LIMIT = 100  # a unix socket's path holds 107 characters

# norewinds: without it the server rewrites sound it has already rendered, which makes holes in speech.
MICROPHONE_PA = """\
load-module module-null-sink sink_name={sink} norewinds=1 rate=48000 channels=1 channel_map=mono \
sink_properties=device.description={label}Sink
load-module module-remap-source source_name={source} master={sink}.monitor source_properties=device.description={label}
"""
DEFAULT_PA = """\
.fail
load-module module-native-protocol-unix auth-anonymous=1 socket={folder}/pulse.sock
{microphones}\
load-module module-null-sink sink_name=meeting_out rate=48000 channels=2 sink_properties=device.description=MeetingOut
set-default-sink meeting_out
set-default-source {source}
"""
# Both rates: with 44100 as the alternate one Chromium opens its streams at 44100 and everything is resampled.
DAEMON_CONF = """\
default-sample-rate = 48000
alternate-sample-rate = 48000
avoid-resampling = yes
realtime-scheduling = yes
default-fragments = 2
default-fragment-size-msec = 10
exit-idle-time = -1
flat-volumes = no
"""


def sink_of(name: str) -> str:
    """What is written here is what that microphone hears."""
    return f"{name}_mic_sink"


def source_of(name: str) -> str:
    """What that microphone hears."""
    return f"{name}_mic"


def label_of(name: str) -> str:
    """How a browser lists that microphone."""
    return f"{name.capitalize()}Microphone"


class SoundServer:
    """A daemon and its folder. `folder` None takes a private one in /tmp; a given one is made and removed again.
    `microphones` are names of small letters and digits; the first is the default one. Raises ValueError."""

    def __init__(self, folder: Path | None = None, *, microphones: Sequence[str] = (BOT,)) -> None:
        if not microphones or not all(re.fullmatch(r"[a-z][a-z0-9]*", name) for name in microphones):
            raise ValueError(f"microphones need names of small letters and digits, not {list(microphones)}")
        self._folder, self._microphones = folder, tuple(microphones)
        self._made: Path | None = None
        self._child: Child | None = None
        self._stack = AsyncExitStack()

    @property
    def folder(self) -> Path:
        assert self._made is not None, "the sound server is entered first"
        return self._made

    @property
    def address(self) -> str:
        """For PULSE_SERVER."""
        return f"unix:{self.folder}/pulse.sock"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    def environment(self) -> dict[str, str]:
        """What a program needs to play and record here."""
        return {"PULSE_SERVER": self.address, "XDG_RUNTIME_DIR": str(self.folder / "run")}

    async def __aenter__(self) -> Self:
        """Raises DeviceFailed."""
        async with AsyncExitStack() as stack:
            self._made = self._make_folder()
            stack.push_async_callback(asyncio.to_thread, shutil.rmtree, self._made, ignore_errors=True)
            self._child = await Child.start("pulseaudio", self._arguments(), self._own_environment())
            stack.push_async_callback(self._child.stop)
            await self._until_it_answers()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def play(self, path: Path) -> None:
        """Speak a WAV file (s16, mono, 48 kHz) into the microphone; returns when all of it has left the device.
        Raises ValueError for another format, DeviceFailed."""
        await self.speak(read_wav(path))

    async def speak(self, pcm: Pcm) -> None:
        """Speak s16 mono 48 kHz sound into the microphone; returns when all of it has left the device."""
        await asyncio.to_thread(self._speak, pcm)

    def listen(self) -> Record:
        """The mix of all the browser plays, mono at 48 kHz. The caller reads (blocking) and closes it."""
        return Record(self.address, EARS_SOURCE)

    def check(self) -> None:
        """Does the daemon answer? Raises DeviceFailed."""
        if not self.running:
            raise DeviceFailed(f"the sound server ended: {self._child.said if self._child else 'never started'}")
        Record(self.address, EARS_SOURCE).close()

    def _speak(self, pcm: Pcm) -> None:
        stream = Playback(self.address, MICROPHONE_SINK)
        try:
            stream.write(pcm)
            stream.drain()
        finally:
            stream.close()

    def _make_folder(self) -> Path:
        folder = self._folder.absolute() if self._folder is not None else None
        if folder is None or len(str(folder)) > SOCKET_PATH_LIMIT - len("/pulse.sock") or plain_place(folder) != folder:
            return make_folder("sound")
        folder.mkdir(mode=0o700, parents=True, exist_ok=False)
        return folder

    def _arguments(self) -> list[str]:
        for name in ("run", "state", "config"):
            (self.folder / name).mkdir(mode=0o700)
        (self.folder / "default.pa").write_text(self._script())
        (self.folder / "daemon.conf").write_text(DAEMON_CONF)
        flags = "-n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disable-shm=yes --realtime=yes"
        return [*flags.split(), "--high-priority=yes", "--log-target=stderr", "-F", f"{self.folder}/default.pa"]

    def _script(self) -> str:
        each = [
            MICROPHONE_PA.format(sink=sink_of(name), source=source_of(name), label=label_of(name))
            for name in self._microphones
        ]
        return DEFAULT_PA.format(folder=self.folder, microphones="".join(each), source=source_of(self._microphones[0]))

    def _own_environment(self) -> dict[str, str]:
        return clean_environment(
            self.folder,
            PULSE_CONFIG=f"{self.folder}/daemon.conf",
            PULSE_RUNTIME_PATH=f"{self.folder}/run",
            PULSE_STATE_PATH=f"{self.folder}/state",
            PULSE_CONFIG_PATH=f"{self.folder}/config",
            XDG_RUNTIME_DIR=f"{self.folder}/run",
        )

    async def _until_it_answers(self) -> None:
        """The socket's file is there a moment before the daemon listens on it: a refusal is asked again."""
        socket = self.folder / "pulse.sock"
        assert self._child is not None
        refused: DeviceFailed | None = None
        try:
            async with asyncio.timeout(START_S):
                while True:
                    if not self._child.running:
                        raise DeviceFailed(f"the sound server ended at once: {self._child.said}")
                    if socket.exists():
                        try:
                            return await asyncio.to_thread(self.check)
                        except DeviceFailed as error:
                            refused = error
                    await asyncio.sleep(STEP_S)
        except TimeoutError as error:
            said = f"{refused or ''} {self._child.said}".strip()
            raise DeviceFailed(f"the sound server did not answer in {START_S:.0f} s: {said}") from error


def read_wav(path: Path) -> Pcm:
    """The samples of a WAV file of s16 mono at 48 kHz. Raises ValueError for another format."""
    with wave.open(str(path), "rb") as file:
        form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if form != (1, 2, RATE_HZ):
            raise ValueError(f"{path.name}: mono 16-bit 48000 Hz is needed, not channels/bytes/rate {form}")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
