import numpy as np

from bot.meeting.loudness import DUCKED_GAIN, Loudness

RATE_HZ = 48_000
STEP = np.full(480, 8000, np.int16)


def played(loudness: Loudness, steps: int, *, epoch: int = 1) -> np.ndarray:
    return np.concatenate([loudness.applied(STEP, epoch) for _ in range(steps)])


def test_ducked_sound_is_twelve_decibels_softer_within_fifty_milliseconds() -> None:
    loudness = Loudness(RATE_HZ)
    played(loudness, 1)
    loudness.duck(1, softer=True)
    assert played(loudness, 6)[RATE_HZ // 20 :].max() == 8000 * DUCKED_GAIN
    assert 20 * np.log10(DUCKED_GAIN) < -12


def test_neither_way_clicks() -> None:
    loudness = Loudness(RATE_HZ)
    loudness.duck(1, softer=True)
    down = played(loudness, 6)
    loudness.duck(1, softer=False)
    up = played(loudness, 10)
    sound = np.concatenate([[8000], down, up]).astype(np.int32)
    assert np.abs(np.diff(sound)).max() <= 8 and up[-1] == 8000


def test_a_new_epoch_is_loud_from_its_first_sample() -> None:
    loudness = Loudness(RATE_HZ)
    loudness.duck(1, softer=True)
    played(loudness, 6)
    assert (played(loudness, 1, epoch=2) == 8000).all()
    loudness.duck(1, softer=True)
    assert (played(loudness, 6, epoch=2) == 8000).all(), "asked too late, for an epoch that is over"
