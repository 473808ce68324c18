"""The skin of a shut eye: its own colour and grain, and nothing of hair and brows beside it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.api import BadCharacter
from engine.portrait.lids import LidColumns, _grain, _unlike, shut_eyes
from engine.portrait.record import Eye, Style, load_record

IRIS = Path(__file__).parents[3] / "bot" / "library" / "iris"
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


def eye_at(x: float, y: float, width: float, height: float) -> Eye:
    across = np.linspace(-1, 1, 9)
    curve = height / 2 * (1 - across**2)
    upper, lower = (np.stack([x + across * width / 2, y + side * curve], 1) for side in (-1, 1))
    lash_px = round(0.16 * height, 2)
    return Eye(upper=upper, lower=lower, lash_px=lash_px, lid_px=10.0, skin_px=5.0, iris=(x, y, height / 2 + 2))


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("size", [(1280, 720), (640, 360)])
@pytest.mark.parametrize(
    ("x", "y", "width", "height"),
    [
        (600, 300, 60, 1.0),
        (600, 300, 60, 0.0),
        (600, 300, 24, 3.0),
        (600, 300, 4, 2.0),
        (8, 300, 60, 20),
        (600, 718, 60, 20),
    ],
    ids=["nearly shut", "shut", "small", "tiny", "at the left edge", "at the lower edge"],
)
def test_eyes_that_hardly_open_and_eyes_at_the_edge_shut_too(
    style: Style, size: tuple[int, int], x: float, y: float, width: float, height: float
) -> None:
    eyes = (eye_at(x, y, width, height), eye_at(x + 100, y, width, height))
    record = replace(load_record(IRIS / "portrait.png", IRIS / "record"), eyes=eyes, style=style)
    scale = size[0] / record.still.shape[1]
    lids = LidColumns.of(record, scale)
    made, lashes = shut_eyes(record, lids, np.asarray(cv2.resize(record.still, size), np.uint8))
    assert np.isfinite(made).all() and made[..., 3].max() > 0 and lashes.shape == (3,)


def test_a_record_with_an_eye_beyond_the_picture_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(IRIS / "record", tmp_path / "record"))
    facts = json.loads((folder / "record.json").read_text())
    facts["eyes"][0]["upper"], facts["eyes"][0]["lower"] = ([[x, y] for x in (-90, -60, -30)] for y in (300, 310))
    (folder / "record.json").write_text(json.dumps(facts))
    with pytest.raises(BadCharacter, match="beyond the picture"):
        load_record(IRIS / "portrait.png", folder)
