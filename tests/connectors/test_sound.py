"""A private sound server: real daemons, real sound through them."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import psutil
import pytest

from connectors.base import MICROPHONE_RATE_HZ, DeviceFailed
from connectors.kit.pulse import Playback, Record
from connectors.kit.sound import (
    EARS_SINK,
    EARS_SOURCE,
    MICROPHONE_SINK,
    MICROPHONE_SOURCE,
    SoundServer,
    read_wav,
    sink_of,
    source_of,
)
from tests.connectors.contract import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.sound,
    pytest.mark.skipif(not shutil.which("pulseaudio"), reason="no PulseAudio is installed"),
]

ORPHAN = """
import asyncio
from connectors.kit.sound import SoundServer
async def main():
    async with SoundServer() as sound:
        print(sound.pid, sound.folder, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def tone(hz: float, seconds: float) -> np.ndarray:
    times = np.arange(int(seconds * MICROPHONE_RATE_HZ)) / MICROPHONE_RATE_HZ
    return (8000 * np.sin(2 * np.pi * hz * times)).astype(np.int16)


def loudest_hz(pcm: np.ndarray) -> float:
    if np.abs(pcm.astype(int)).max() < 300:
        return 0.0
    return float(np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))).argmax() * MICROPHONE_RATE_HZ / len(pcm))


async def test_speech_into_the_microphone_is_what_the_browser_would_hear() -> None:
    async with SoundServer() as sound:
        record = Record(sound.address, MICROPHONE_SOURCE)
        speaking = asyncio.create_task(sound.speak(tone(600, 1.0)))
        heard = await asyncio.to_thread(record.read, MICROPHONE_RATE_HZ)
        await speaking
        record.close()
    assert abs(loudest_hz(heard[12_000:36_000]) - 600) < 10


async def test_microphones_of_one_server_do_not_hear_each_other() -> None:
    async with SoundServer(microphones=("ada", "ben")) as sound:
        near, far = (Record(sound.address, source_of(name)) for name in ("ada", "ben"))
        play = Playback(sound.address, sink_of("ada"))
        playing = asyncio.to_thread(play.write, tone(700, 0.8))
        heard, elsewhere, _ = await asyncio.gather(
            asyncio.to_thread(near.read, 36_000), asyncio.to_thread(far.read, 36_000), playing
        )
        for stream in (near, far, play):
            stream.close()
    assert abs(loudest_hz(heard[9_600:28_800]) - 700) < 10
    assert loudest_hz(elsewhere) == 0.0


async def test_the_delay_that_is_told_is_the_one_that_is_heard() -> None:
    silence, click = np.zeros(480, np.int16), np.full(480, 20_000, np.int16)
    async with SoundServer() as sound:
        play, record = Playback(sound.address, MICROPHONE_SINK), Record(sound.address, MICROPHONE_SOURCE, piece_s=0.01)
        heard_s: list[float] = []
        told_s: list[float] = []

        def listen() -> None:
            while len(heard_s) < 10:
                if (loud := np.flatnonzero(record.read(480) > 5000)).size:
                    heard_s.append(time.monotonic() - (480 - int(loud[0])) / MICROPHONE_RATE_HZ)

        def speak() -> None:
            for number in range(600):
                clicks = number % 50 == 49 and number > 60
                if clicks:
                    told_s.append(time.monotonic() + play.delay_s())
                play.write(click if clicks else silence)

        await asyncio.gather(asyncio.to_thread(listen), asyncio.to_thread(speak))
        for stream in (play, record):
            stream.close()
    assert abs(statistics.median(np.subtract(heard_s, told_s[:10]))) < 0.008


@pytest.mark.parametrize("names", [(), ("Ada",), ("a b",), ("x\nload-module module-x",)])
def test_a_microphone_has_a_plain_name(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="small letters"):
        SoundServer(microphones=names)


async def test_two_servers_do_not_hear_each_other() -> None:
    async with SoundServer() as one, SoundServer() as other:
        near, far = one.listen(), other.listen()
        play = Playback(one.address, EARS_SINK)
        playing = asyncio.to_thread(play.write, tone(700, 0.8))
        heard, elsewhere, _ = await asyncio.gather(
            asyncio.to_thread(near.read, 36_000), asyncio.to_thread(far.read, 36_000), playing
        )
        for stream in (near, far, play):
            stream.close()
    assert abs(loudest_hz(heard[9_600:28_800]) - 700) < 10
    assert loudest_hz(elsewhere) == 0.0


async def test_only_its_owner_can_reach_it_and_nothing_stays(tmp_path: Path) -> None:
    folder = Path("/tmp") / f"sound-{tmp_path.name}"
    async with SoundServer(folder) as sound:
        assert sound.folder.stat().st_mode & 0o777 == 0o700
        pid = sound.pid
        sound.check()
    assert not folder.exists() and not psutil.pid_exists(pid)


async def test_a_server_that_died_is_told() -> None:
    async with SoundServer() as sound:
        record = Record(sound.address, EARS_SOURCE)
        psutil.Process(sound.pid).kill()
        await until(lambda: not sound.running)
        with pytest.raises(DeviceFailed):
            sound.check()
        with pytest.raises(DeviceFailed):
            await asyncio.to_thread(record.read, MICROPHONE_RATE_HZ)
        record.close()


async def test_a_killed_bot_leaves_no_sound_server() -> None:
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", ORPHAN, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    pid, folder = (await owner.stdout.readline()).decode().split()
    owner.kill()
    await owner.wait()
    await until(lambda: not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE)
    shutil.rmtree(folder)


def test_only_speech_of_the_right_format_is_taken(tmp_path: Path) -> None:
    for rate_hz, ok in ((48_000, True), (22_050, False)):
        with wave.open(str(tmp_path / "x.wav"), "wb") as file:
            file.setparams((1, 2, rate_hz, 0, "NONE", ""))
            file.writeframes(tone(440, 0.1).tobytes())
        if ok:
            assert (read_wav(tmp_path / "x.wav") == tone(440, 0.1)).all()
        else:
            with pytest.raises(ValueError, match="22050"):
                read_wav(tmp_path / "x.wav")
