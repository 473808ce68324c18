"""The skin of a shut eye: its own colour and grain, and nothing of hair and brows beside it."""

from __future__ import annotations

import cv2
import numpy as np

from engine.portrait.lids import _grain, _unlike

SKIN = (86, 110, 160)


def skin_of(shape: tuple[int, int], grain: float) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 1, shape).astype(np.float32), (0, 0), 0.8)
    picture = np.array(SKIN, np.float32) + (noise * (grain / noise.std()))[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_grain_is_as_strong_as_the_skins_and_a_wrinkle_adds_nothing() -> None:
    plain = skin_of((80, 90), 4.0)
    wrinkled = plain.copy()
    wrinkled[40] //= 2
    made, beside = (_grain(skin, (70, 200)) for skin in (plain, wrinkled))
    assert made.shape == (70, 200, 1)
    assert 2.5 < made.std() < 4.5 and beside.std() < 1.25 * made.std()
    assert _grain(np.full((40, 90, 3), SKIN, np.uint8), (70, 200)).std() < 0.01


def test_no_strip_of_grain_is_seen_twice() -> None:
    made = _grain(skin_of((20, 60), 4.0), (80, 180))[..., 0]
    shifts = [(20, 0), (40, 0), (0, 60), (20, 60)]
    alike = [np.corrcoef(made.ravel(), np.roll(made, shift, (0, 1)).ravel())[0, 1] for shift in shifts]
    assert max(map(abs, alike)) < 0.15


def test_hair_and_brows_are_not_the_skin_and_its_shade_is() -> None:
    window = skin_of((60, 80), 4.0)
    window[:, 40:50] = (28, 26, 30)  # a dark brow
    window[:, 50:60] = (235, 225, 215)  # white hair
    window[:, 60:] = (np.array(SKIN) * 0.75).astype(np.uint8)
    unlike = _unlike(window, skin_of((20, 60), 4.0))
    assert [
        bool(unlike[:, part].mean() > 0.5) for part in (slice(0, 40), slice(40, 50), slice(50, 60), slice(60, 80))
    ] == [
        False,
        True,
        True,
        False,
    ]
