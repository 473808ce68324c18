"""Points set by hand: what they must say, and that they become a face in the right order."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from engine.portrait.importing.canvas import staged
from engine.portrait.importing.errors import BadPoints
from engine.portrait.importing.features import moved
from engine.portrait.importing.picture import Picture
from engine.portrait.importing.points import read_points

SIZE = (600, 400)
MOUTH = {"left": [250, 260], "right": [350, 264]}
EYE = {"left": [230, 170], "right": [280, 170]}

BAD: dict[str, tuple[Any, str]] = {
    "not JSON": ("{", "not JSON"),
    "no mouth": ({"eyes": []}, "mouth"),
    "a corner missing": ({"mouth": {"left": [250, 260]}}, "mouth right"),
    "corners swapped": ({"mouth": {"left": [350, 260], "right": [250, 260]}}, "left of its right"),
    "outside": ({"mouth": {"left": [250, 260], "right": [900, 260]}}, "outside the picture"),
    "not a number": ({"mouth": {"left": [250, float("nan")], "right": [350, 260]}}, "outside the picture"),
    "words": ({"mouth": {"left": "here", "right": [350, 260]}}, "two numbers"),
    "three eyes": ({"mouth": MOUTH, "eyes": [EYE, EYE, EYE]}, "at most two"),
    "eye upside down": ({"mouth": MOUTH, "eyes": [{**EYE, "top": [255, 190], "bottom": [255, 160]}]}, "above"),
    "a chin above the mouth": ({"mouth": MOUTH, "chin": [300, 100]}, "top to bottom"),
    "an outline of two": ({"mouth": MOUTH, "outline": [[1, 1], [2, 2]]}, "outline"),
    "drawing a nose": ({"mouth": MOUTH, "draw": ["nose"]}, "draw"),
    "drawing a list": ({"mouth": MOUTH, "draw": [["mouth"]]}, "draw"),
    "drawing eyes nowhere": ({"mouth": MOUTH, "draw": ["eyes"]}, "does not say where"),
    "a list without end": ("[" * 50_000, "not JSON"),
    "a number without end": ('{"mouth": {"left": [1%s, 260], "right": [350, 260]}}' % ("0" * 400), "two numbers"),
    "digits as words": ({"mouth": {"left": "12", "right": [350, 260]}}, "two numbers"),
    "three numbers": ({"mouth": {"left": [250, 260, 0], "right": [350, 260]}}, "two numbers"),
    "a slip of the pen": ({"mouth": {**MOUTH, "botom": [300, 280]}}, "mouth has entries nobody knows: botom"),
    "a slip at an eye": ({"mouth": MOUTH, "eyes": [EYE, {**EYE, "lid": [1, 1]}]}, "eye 2 has entries nobody knows"),
    "unknown": ({"mouth": MOUTH, "nose": [1, 1]}, "nobody knows: nose"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_points_are_refused_in_words(name: str) -> None:
    told, words = BAD[name]
    with pytest.raises(BadPoints, match=words):
        read_points(told if isinstance(told, str) else json.dumps(told), SIZE)


def test_two_corners_are_enough() -> None:
    features = read_points(json.dumps({"mouth": MOUTH}), SIZE).features
    assert features.eyes == () and features.mouth_px == 100
    upper, lower, chin = (curve[:, 1] for curve in (features.outer_upper, features.outer_lower, features.jaw))
    assert upper.min() < lower.max() < chin.max()


def test_a_mark_that_editors_write_before_all_text_is_none_of_it() -> None:
    assert read_points("\ufeff" + json.dumps({"mouth": MOUTH}), SIZE).features.mouth_px == 100


def test_eyes_may_be_told_in_any_order() -> None:
    right = {"left": [330, 172], "right": [380, 172]}
    one, other = (read_points(json.dumps({"mouth": MOUTH, "eyes": eyes}), SIZE).features for eyes in
                  ([EYE, right], [right, EYE]))  # fmt: skip
    assert [eye.iris for eye in one.eyes] == [eye.iris for eye in other.eyes]
    assert abs(np.degrees(other.tilt_rad)) < 2


def test_moving_a_face_moves_all_of_it() -> None:
    features = read_points(
        json.dumps({"mouth": MOUTH, "eyes": [EYE], "outline": [[1, 1], [9, 1], [5, 9]]}), SIZE
    ).features
    there = moved(features, np.array([[2.0, 0.0, 10.0], [0.0, 2.0, 20.0]]))
    np.testing.assert_allclose(there.outer_upper, features.outer_upper * 2 + (10, 20))
    np.testing.assert_allclose(there.eyes[0].iris, np.array(features.eyes[0].iris) * 2 + (10, 20, 0))
    assert there.mouth_px == 200 and there.outline is not None and there.outline[0].tolist() == [12, 22]


@pytest.mark.parametrize("height", [200, 900])
def test_a_face_much_wider_than_high_is_on_the_stage_whole(height: int) -> None:
    mouth = {"left": [300, 130], "right": [1300, 130], "top": [800, 125], "bottom": [800, 140]}
    lights = [{"left": [x, 90], "right": [x + 90, 90]} for x in (180, 1330)]
    told = {"mouth": mouth, "eyes": lights, "crown": [800, 60], "chin": [800, 160]}
    picture = Picture(bgr=np.full((height, 1600, 3), 90, np.uint8), alpha=None)
    stage = staged(picture, read_points(json.dumps(told), (1600, height)).features)
    parts = np.concatenate([stage.features.outer_upper, *(eye.lower for eye in stage.features.eyes)])
    assert (parts > 0).all() and (parts < stage.bgr.shape[1::-1]).all()
