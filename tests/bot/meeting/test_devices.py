import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from bot.meeting.devices import Devices
from engine.sync import FrameSync
from tests.bot.meeting.devices_doubles import ListCamera, SteppedMicrophone

FRAME = 2000  # device samples of one frame at 24 fps
BLOCK = 4 * FRAME


@dataclass(frozen=True, kw_only=True)
class Block:
    epoch: int
    index: int
    first_frame: int
    frames: np.ndarray
    sound: np.ndarray
    spoken_from: int
    spoken_to: int


def block(index: int, *, epoch: int, loud: bool = True) -> Block:
    frames = np.stack([np.full((24, 32), 4 * index + n, np.uint8) for n in range(4)])
    spoken = index * BLOCK // 2
    return Block(
        epoch=epoch,
        index=index,
        first_frame=4 * index,
        frames=frames,
        sound=np.full(BLOCK, 5000 if loud else 0, np.int16),
        spoken_from=spoken,
        spoken_to=spoken + (BLOCK // 2 if loud else 0),
    )


@pytest.fixture
def kill_pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


@pytest.fixture
def parts(kill_pipe: tuple[int, int]) -> Iterator[tuple[Devices, SteppedMicrophone, ListCamera]]:
    microphone, camera = SteppedMicrophone(), ListCamera()
    devices = Devices(microphone, camera, FrameSync(fps=24), on_room=lambda: None, kill_fd=kill_pipe[0])
    devices.start()
    yield devices, microphone, camera
    microphone.release()
    devices.close()


def test_sound_and_frames_leave_in_order_and_together(parts: tuple[Devices, SteppedMicrophone, ListCamera]) -> None:
    devices, microphone, camera = parts
    devices.put(block(0, epoch=1))
    devices.put(block(1, epoch=1))
    microphone.advance(40)
    assert [pixel for _, pixel in camera.shown] == list(range(8))
    heard_to, first_audible_s, _, offset_ms = devices.spoken(1)
    assert heard_to == BLOCK and first_audible_s is not None
    assert offset_ms is not None and 0 <= offset_ms <= 12, "within one step of ten milliseconds"


def test_without_blocks_there_is_silence_and_it_is_counted(
    parts: tuple[Devices, SteppedMicrophone, ListCamera],
) -> None:
    devices, microphone, _ = parts
    microphone.advance(10)
    assert devices.filled_ms >= 100
    assert not any(step.any() for step in microphone.sound)


@pytest.mark.parametrize(("loud", "ahead"), [(False, 1), (True, 2)])
def test_more_is_asked_for_ahead_within_speech_and_not_before_it(
    parts: tuple[Devices, SteppedMicrophone, ListCamera], loud: bool, ahead: int
) -> None:
    devices, _, _ = parts
    count = 0
    while devices.has_room():
        devices.put(block(count, epoch=1, loud=loud))
        count += 1
    assert count == ahead


def test_after_an_interruption_no_old_sound_or_frame_leaves(
    parts: tuple[Devices, SteppedMicrophone, ListCamera],
) -> None:
    devices, microphone, camera = parts
    for index in range(3):
        devices.put(block(index, epoch=1))
    microphone.advance(20)
    devices.interrupt(2)
    sounds, frames = len(microphone.sound), len(camera.shown)
    devices.put(block(3, epoch=1))
    devices.put(block(4, epoch=2, loud=False))
    microphone.advance(40)
    assert not any(step.any() for step in microphone.sound[sounds + 1 :])
    assert {epoch for epoch, _ in camera.shown[frames:]} == {2}
    assert devices.spoken(1)[0] < 3 * BLOCK // 2


def test_a_ducked_answer_goes_on_softer_and_a_cut_one_tells_when_it_fell_silent(
    parts: tuple[Devices, SteppedMicrophone, ListCamera],
) -> None:
    devices, microphone, camera = parts
    for index in range(3):
        devices.put(block(index, epoch=1))
    microphone.advance(10)
    devices.duck(1, softer=True)
    before, shown = len(microphone.sound), len(camera.shown)
    microphone.advance(10)
    assert {int(step.max()) for step in microphone.sound[before + 5 :]} == {1250}
    assert len(camera.shown) > shown and devices.silent_s(1) is None
    devices.interrupt(2)
    microphone.advance(8)
    assert devices.silent_s(1) is not None


def test_the_kill_pipe_silences_for_good(
    parts: tuple[Devices, SteppedMicrophone, ListCamera], kill_pipe: tuple[int, int]
) -> None:
    devices, microphone, camera = parts
    devices.put(block(0, epoch=1))
    microphone.advance(5)
    os.write(kill_pipe[1], b"k")
    microphone.release()
    assert devices.killed.wait(5)
    assert microphone.is_neutral and camera.is_neutral
