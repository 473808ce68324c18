"""Speech-like sound and a drawn mouth that follows it, made from a seed: answers are known to the sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bot.rehearsal.measure import Luma, Pcm, Series, Sound, loudness

RATE_HZ = 24_000


def speech(seconds: float, *, seed: int = 1, lead_s: float = 0.0, tail_s: float = 0.0) -> Pcm:
    """Noise in syllables of 90-220 ms with gaps between, `lead_s` of silence before and `tail_s` after."""
    random = np.random.default_rng(seed)
    pieces = []
    while sum(map(len, pieces)) < seconds * RATE_HZ:
        size = int(random.uniform(0.09, 0.22) * RATE_HZ)
        pieces.append(random.normal(0, 3000 * random.uniform(0.4, 1.4), size) * np.sin(np.pi * np.arange(size) / size))
        pieces.append(np.zeros(int(random.uniform(0.01, 0.09) * RATE_HZ)))
    voice = np.concatenate(pieces)[: int(seconds * RATE_HZ)]
    quiet = [np.zeros(int(silence_s * RATE_HZ)) for silence_s in (lead_s, tail_s)]
    return np.concatenate([quiet[0], voice, quiet[1]]).clip(-32768, 32767).astype(np.int16)


def sound(pcm: Pcm, *, start_s: float = 0.0) -> Sound:
    return Sound(pcm=pcm, rate_hz=RATE_HZ, start_s=start_s)


def opening(of: Sound, *, fps: float = 24.0, late_s: float = 0.0, jitter_s: float = 0.0, seed: int = 3) -> Series:
    """How far a mouth that follows `of` is open, 0..1, frame by frame, received `late_s` later with that jitter."""
    loud = loudness(of)
    at = np.arange(of.start_s, of.end_s, 1 / fps)
    values = np.interp(at + 0.5 / fps, loud.times_s, loud.values)
    jitter = np.random.default_rng(seed).uniform(0, jitter_s, len(at)) if jitter_s else 0.0
    return Series(times_s=at + late_s + jitter, values=values / max(1e-9, values.max()))


def faces(openness: NDArray[np.float64], *, width: int = 64, height: int = 40, seed: int = 5) -> list[Luma]:
    """Crops around a mouth: skin with noise, lips a little darker, a dark ellipse as high as the mouth is open."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    frames = []
    for value in openness:
        picture = 170 + random.normal(0, 2, (height, width))
        around = ((x - width / 2) / (width * 0.3)) ** 2
        picture[around + ((y - height / 2) / (height * 0.12 + height * 0.3 * value)) ** 2 < 1] = 130
        picture[around * 1.4 + ((y - height / 2) / (height * 0.3 * value + 0.01)) ** 2 < 1] = 35
        frames.append(picture.clip(0, 255).astype(np.uint8))
    return frames
