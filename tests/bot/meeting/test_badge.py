import numpy as np
import pytest

from bot.meeting.badge import Badge

SIZES = [(640, 360), (1280, 720)]


def grey(width: int, height: int, luma: int) -> np.ndarray:
    frame = np.full((height * 3 // 2, width), 128, np.uint8)
    frame[:height] = luma
    return frame


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("luma", [20, 128, 230])
def test_the_badge_is_readable_on_dark_and_bright_pictures(width: int, height: int, luma: int) -> None:
    frame = grey(width, height, luma)
    badge = Badge(width=width, height=height)
    badge.on(frame)
    x, y, wide, tall = badge.box
    inside = frame[y : y + tall, x : x + wide]
    letters, plate = np.percentile(inside, 99), np.median(inside)
    assert letters - plate > 80, "light letters on a dark plate"


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_outside_the_badge_changes(width: int, height: int) -> None:
    frame, before = grey(width, height, 90), grey(width, height, 90)
    badge = Badge(width=width, height=height)
    badge.on(frame)
    x, y, wide, tall = badge.box
    luma = frame[:height].copy()
    luma[y : y + tall, x : x + wide] = 90
    np.testing.assert_array_equal(luma, before[:height])
    changed = np.argwhere(frame[height:] != before[height:])
    assert len(changed) < wide * tall, "only the badge's own chroma"


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_badge_does_not_pile_up(width: int, height: int) -> None:
    first, second = grey(width, height, 128), grey(width, height, 128)
    badge = Badge(width=width, height=height)
    badge.on(first)
    badge.on(second)
    np.testing.assert_array_equal(first, second)
