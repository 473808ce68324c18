"""The virtual microphone on a model of the device: a queue that plays as virtual time passes."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.base import MICROPHONE_RATE_HZ, DeviceFailed
from connectors.kit.microphone import RAMP, SLICE, VirtualMicrophone, fade_of

HELD = int(0.04 * MICROPHONE_RATE_HZ)


class Model:
    """Holds 40 ms; writing waits by moving the clock on."""

    def __init__(self) -> None:
        self.now_s = 10.0
        self.sound: list[np.ndarray] = []
        self.written = 0
        self.left = 0.0
        self.noted_s = self.now_s
        self.closed = False

    def _play(self) -> None:
        self.left = min(self.written, self.left + (self.now_s - self.noted_s) * MICROPHONE_RATE_HZ)
        self.noted_s = self.now_s

    def write(self, pcm: np.ndarray) -> None:
        if self.closed:
            raise DeviceFailed("closed")
        self._play()
        over = self.written - self.left + len(pcm) - HELD
        self.now_s += max(over, 0) / MICROPHONE_RATE_HZ
        self._play()
        self.sound.append(pcm)
        self.written += len(pcm)

    def delay_s(self) -> float:
        self._play()
        return (self.written - self.left) / MICROPHONE_RATE_HZ

    def close(self) -> None:
        self.closed = True

    def all(self) -> np.ndarray:
        return np.concatenate(self.sound)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def microphone(model: Model) -> VirtualMicrophone:
    return VirtualMicrophone(model, lambda: model.now_s)


def tone(seconds: float) -> np.ndarray:
    times = np.arange(int(seconds * MICROPHONE_RATE_HZ)) / MICROPHONE_RATE_HZ
    return (10_000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)


def test_what_is_written_sounds_unchanged(model: Model, microphone: VirtualMicrophone) -> None:
    sound = tone(0.5)
    microphone.write(sound, epoch=1)
    assert (model.all() == sound).all()


def test_heard_counts_what_left_the_device_and_nothing_more(model: Model, microphone: VirtualMicrophone) -> None:
    assert microphone.heard() == (0, 0)
    microphone.write(tone(1.0), epoch=3)
    epoch, sample = microphone.heard()
    assert epoch == 3 and MICROPHONE_RATE_HZ - HELD <= sample <= MICROPHONE_RATE_HZ - HELD + SLICE
    model.now_s += 5
    assert microphone.heard() == (3, MICROPHONE_RATE_HZ)


def test_what_was_spoken_is_counted_and_silence_is_not(microphone: VirtualMicrophone) -> None:
    microphone.write(tone(0.5), epoch=1)
    microphone.write(np.zeros_like(tone(0.5)), epoch=1)
    assert microphone.spoken_s == pytest.approx(0.5)
    microphone.neutral()
    microphone.write(tone(0.5), epoch=1)
    assert microphone.spoken_s < 0.6, "what is muted is not spoken, but for its fade"


def test_an_epoch_is_heard_only_when_its_first_sample_is(model: Model, microphone: VirtualMicrophone) -> None:
    microphone.write(tone(0.2), epoch=1)
    microphone.write(tone(0.01), epoch=2)
    assert microphone.heard()[0] == 1
    model.now_s += 0.1
    assert microphone.heard()[0] == 2


def test_after_a_flush_old_sound_fades_to_silence_of_the_same_length(
    model: Model, microphone: VirtualMicrophone
) -> None:
    microphone.write(tone(0.1), epoch=1)
    microphone.flush(2)
    microphone.write(tone(0.1), epoch=1)
    sound = model.all()
    assert len(sound) == int(0.2 * MICROPHONE_RATE_HZ)
    assert not sound[len(sound) // 2 + RAMP :].any(), "silent 20 ms after the flush"
    largest_step = 10_000 * 2 * np.pi * 440 / MICROPHONE_RATE_HZ
    assert np.abs(np.diff(sound.astype(int))).max() <= largest_step + 2, "a click"


def test_new_speech_follows_a_flush_without_a_click(model: Model, microphone: VirtualMicrophone) -> None:
    microphone.write(tone(0.1037), epoch=1)
    microphone.flush(2)
    microphone.write(tone(0.1), epoch=2)
    largest_step = 10_000 * 2 * np.pi * 440 / MICROPHONE_RATE_HZ
    assert np.abs(np.diff(model.all().astype(int))).max() <= 2 * largest_step + 2
    model.now_s += 1
    assert microphone.heard()[0] == 2


def test_a_repeated_or_older_flush_changes_nothing(model: Model, microphone: VirtualMicrophone) -> None:
    microphone.flush(2)
    microphone.write(tone(0.1), epoch=2)
    microphone.flush(2)
    microphone.flush(1)
    microphone.write(tone(0.1), epoch=2)
    assert (model.all() == np.concatenate([tone(0.1), tone(0.1)])).all()


def test_neutral_is_silence_for_good(model: Model, microphone: VirtualMicrophone) -> None:
    microphone.write(tone(0.1), epoch=1)
    microphone.neutral()
    microphone.write(tone(0.3), epoch=9)
    microphone.flush(10)
    microphone.write(tone(0.3), epoch=10)
    assert not model.all()[int(0.1 * MICROPHONE_RATE_HZ) + RAMP :].any()


def test_writing_after_the_end_is_an_error(microphone: VirtualMicrophone) -> None:
    microphone.close()
    with pytest.raises(DeviceFailed):
        microphone.write(tone(0.01), epoch=1)


def test_a_fade_starts_where_the_sound_stopped_and_ends_in_nothing() -> None:
    last = tone(0.02)
    fade = fade_of(last)
    assert fade[0] == last[-1] and fade[-1] == 0 and len(fade) == len(last)
