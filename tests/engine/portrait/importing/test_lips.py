"""An open mouth is shut, its teeth are kept; what was shut stays as it was. Quality findings follow from facts."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from engine.portrait.importing import lips, quality
from engine.portrait.importing.features import Features
from engine.portrait.importing.points import read_points

MOUTH = '{"left": [110, 200], "right": [190, 200], "top": [150, 190], "bottom": [150, 226]}'
POINTS = f'{{"mouth": {MOUTH}, "chin": [150, 270]}}'


def face(gap_px: float) -> tuple[np.ndarray, Features]:
    """Skin, lips, and between them a dark hole with a bright row of teeth."""
    features = read_points(POINTS, (300, 300)).features
    upper = features.inner_upper
    x = (upper[:, 0] - 150) / 40
    lower = np.stack([upper[:, 0], upper[:, 1] + gap_px * (1 - x**2)], 1)
    picture = np.full((300, 300, 3), (150, 180, 210), np.uint8)
    shapes = (
        ((110, 110, 190), features.outer_upper, features.outer_lower),
        ((20, 20, 40), upper, lower),
        ((225, 235, 240), upper, (upper + lower) / 2 + (0, 0.25 * gap_px)),
    )
    for colour, above, below in shapes:
        cv2.fillPoly(picture, [np.round(np.concatenate([above, below[::-1]])).astype(np.int32)], colour)
    return picture, replace(features, inner_lower=lower)


def test_an_open_mouth_is_shut_and_its_teeth_are_kept() -> None:
    picture, features = face(16)
    shut = lips.shut(picture, features)
    inside = (slice(203, 225), slice(125, 175))
    assert (picture[inside] > 215).all(-1).mean() > 0.1 and (shut.bgr[inside] > 215).all(-1).sum() == 0
    assert (shut.bgr[inside].max(-1) < 45).mean() < 0.05
    assert shut.teeth is not None
    kept = shut.teeth[shut.teeth[..., 3] > 200]
    assert len(kept) > 100 and np.median(kept[:, :3]) > 200
    assert shut.features.jaw[:, 1].max() < features.jaw[:, 1].max()


def test_far_from_the_mouth_nothing_moves() -> None:
    picture, features = face(16)
    shut = lips.shut(picture, features).bgr
    np.testing.assert_array_equal(shut[:150], picture[:150])
    np.testing.assert_array_equal(shut[:, :50], picture[:, :50])


def test_a_shut_mouth_stays_as_it_is() -> None:
    picture, features = face(0)
    shut = lips.shut(picture, features)
    assert shut.bgr is picture and shut.teeth is None and shut.map_xy is None


GOOD = quality.Facts(
    face_px=400, enlarged=1, mouth_gap=0, turned=0, tilt_deg=0, eyes_open=0.3, lips_differ=12, brightness=140,
    sharpness=0.1, matte_by="person", filled_share=0, faces=1, drawn=False, marked=False,
)  # fmt: skip
BAD = {
    "small_face": {"face_px": 249.0},
    "mouth_hard_to_see": {"lips_differ": 2.0},
    "mouth_wide_open": {"mouth_gap": 0.5},
    "smile_with_teeth": {"mouth_gap": 0.2},
    "turned_away": {"turned": 0.5},
    "tilted": {"tilt_deg": -20.0},
    "leans_too_far": {"tilt_deg": 40.0},
    "eyes_closed": {"eyes_open": 0.1},
    "dark": {"brightness": 30.0},
    "blurred": {"sharpness": 0.001},
    "cut_by_colour": {"matte_by": "colour"},
    "filled_sides": {"filled_share": 0.2},
    "other_faces": {"faces": 2},
    "by_hand": {"marked": True},
}


def test_every_fault_of_a_picture_is_told_and_a_good_one_has_none() -> None:
    assert quality.findings(GOOD) == []
    found = {code: [f.code for f in quality.findings(replace(GOOD, **change))] for code, change in BAD.items()}
    assert found == {code: [code] for code in BAD}
    assert {code for code, _, _ in quality._RULES} == BAD.keys()
