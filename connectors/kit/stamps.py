"""How far a recorder's clock is from ours, learnt from sound that can only arrive late. Pure.

No piece arrives before its sound is over, so (arrival - end of the piece) is the distance plus a delay of at least
nothing. One minimum a second is kept; the straight line under all of them, closest at their middle, is the distance
and its drift at once, whichever way the clock runs, and it holds through a gap.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

KEPT = 40  # minima, one for each second that had sound
SETTLED_S = 0.3  # sound after which the distance is known well enough to place the first of it
SURE_S = 5.0  # sound after which it hardly changes any more
MAX_DRIFT = 0.002  # two clocks that differ more are not clocks
DRIFT_AFTER_S = 8.0  # a shorter time says nothing of the drift
FORGOTTEN_S = 120.0  # a silence after which the drift says nothing of the distance
JUMP_S = 1.0  # back in its own time, or earlier than sound can be: another clock
STEP_S = 0.020  # later than the line for so many seconds: sound was lost on the way, the clock is behind for good
STEP_SECONDS = 5

Point = tuple[float, float]  # the recorder's time, the distance


class StampClock:
    """Told of every piece in order. `strange` says that a piece belongs to another clock than those before."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=KEPT)
        self._first_s = self._last_s = 0.0
        self._drift = self._level = 0.0

    @property
    def settled(self) -> bool:
        return bool(self._points) and self._last_s - self._first_s >= SETTLED_S

    @property
    def sure(self) -> bool:
        return self._last_s - self._first_s >= SURE_S

    def strange(self, ends_s: float, arrived_s: float) -> bool:
        if not self._points:
            return False
        since_s = ends_s - self._last_s
        early = arrived_s - ends_s < self.at(ends_s) - JUMP_S
        return since_s < -JUMP_S or since_s > FORGOTTEN_S or early

    def learn(self, ends_s: float, arrived_s: float) -> None:
        distance = arrived_s - ends_s
        if not self._points:
            self._first_s = ends_s
        self._last_s = max(ends_s, self._last_s) if self._points else ends_s
        if not self._points or int(ends_s) != int(self._points[-1][0]):
            self._points.append((ends_s, distance))
            self._leave_behind_a_step()
            self._fit()
        elif distance < self._points[-1][1]:
            self._points[-1] = (ends_s, distance)
            self._fit()

    def at(self, stamp_s: float) -> float:
        """Our time less the recorder's."""
        return self._level + self._drift * stamp_s

    def _leave_behind_a_step(self) -> None:
        newest = list(self._points)[-STEP_SECONDS - 1 : -1]  # the last second has only begun
        if len(newest) == STEP_SECONDS and all(distance > self.at(at_s) + STEP_S for at_s, distance in newest):
            self._points = deque(newest, maxlen=KEPT)

    def _fit(self) -> None:
        if self._points[-1][0] - self._points[0][0] >= DRIFT_AFTER_S:
            self._drift = max(-MAX_DRIFT, min(MAX_DRIFT, _slope_under(list(self._points))))
        self._level = min(distance - self._drift * at_s for at_s, distance in self._points)


def _slope_under(points: list[Point]) -> float:
    """The slope of the edge of the lower convex hull at the mean time; `points` in order of time."""
    hull: list[Point] = []
    for point in points:
        while len(hull) > 1 and _turns_right(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    middle_s = sum(at_s for at_s, _ in points) / len(points)
    for (left_s, left), (right_s, right) in pairwise(hull):
        if right_s >= middle_s and right_s > left_s:
            return (right - left) / (right_s - left_s)
    return 0.0


def _turns_right(one: Point, two: Point, three: Point) -> bool:
    return (two[0] - one[0]) * (three[1] - one[1]) <= (two[1] - one[1]) * (three[0] - one[0])
