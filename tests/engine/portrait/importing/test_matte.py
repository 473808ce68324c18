"""A figure is cut where its colours end; what a turned head uncovers has the texture of the place behind it."""

from __future__ import annotations

import cv2
import numpy as np

from engine.portrait.importing import matte
from engine.portrait.importing.points import read_points

HEAD = (320, 180)
POINTS = '{"mouth": {"left": [295, 210], "right": [345, 210]}, "chin": [320, 260], "crown": [320, 80]}'
EAR = (412, 180)


def picture() -> tuple[np.ndarray, np.ndarray]:
    """A head with an ear before a striped wall, and a segmentation that misses the ear's outer half."""
    wall = np.where(np.arange(640) // 6 % 2, 200, 60).astype(np.uint8)
    bgr = np.ascontiguousarray(np.repeat(np.tile(wall, (360, 1))[..., None], 3, axis=2))
    bgr[..., 1] //= 2
    skin, figure = (120, 160, 215), np.zeros((360, 640), np.uint8)
    cv2.ellipse(bgr, HEAD, (92, 120), 0, 0, 360, skin, -1)
    cv2.circle(bgr, EAR, 16, skin, -1)
    cv2.ellipse(figure, HEAD, (92, 120), 0, 0, 360, 255, -1)
    noise = np.random.default_rng(2).normal(0, 3, bgr.shape)
    return np.clip(bgr + noise, 0, 255).astype(np.uint8), figure


def test_an_ear_that_the_segmentation_cut_belongs_to_the_figure() -> None:
    bgr, figure = picture()
    features = read_points(POINTS, (640, 360)).features
    found = matte._of_person(bgr, figure, features)
    assert figure[EAR[1], EAR[0] + 6] == 0 < 200 < found[EAR[1], EAR[0] + 6]
    assert found[EAR[1], EAR[0] + 40] == 0 and found[40, 40] == 0


def test_a_figure_that_fills_the_picture_is_left_as_it_is() -> None:
    bgr, _ = picture()
    features = read_points(POINTS, (640, 360)).features
    whole = np.ones((360, 640), np.uint8)
    np.testing.assert_array_equal(matte._by_colour_near(bgr, whole, features), whole)


def test_beside_its_edge_the_place_behind_has_its_texture_and_farther_in_it_is_quiet() -> None:
    bgr, figure = picture()
    plate = matte.plate_of(bgr, figure, np.full((360, 640), 255, np.uint8))
    wall = float(bgr[180, 60:120].std())
    beside, inside = float(plate[180, 382:404].std()), float(plate[160:200, 300:340].std(axis=1).mean())
    assert beside > 0.5 * wall > 3 * inside
    np.testing.assert_array_equal(plate[:, :200], bgr[:, :200])
