"""From a mouth to the columns the inner loop stretches; `lids.py` does the eyes'. Knows the record's curves, no pixels.

A face is moved by columns: at every x, a few heights of the rest picture (knots) and how far each is displaced now.
Between knots the picture is stretched evenly. Lengths are pixels of the luma frame; mouth parameters are fractions of
the mouth's width.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.lipsync.mouth import REST
from engine.lipsync.mouth import Mouth as MouthShape
from engine.portrait.record import Curve, Record, Style
from engine.portrait.teeth import TEXELS_PER_PX, Teeth, teeth_of

Numbers = NDArray[np.float64]

REACH = 0.95  # mouth widths around the mouth's middle that widening and rounding move
ROUND_SHARE = 0.86  # of what opens of a mouth still opens when it is round
TEETH_EDGE = 0.075  # mouth widths below the seam, of drawn teeth: a pronounced "a" shows two thirds of that
LEAST_TEETH = (0.012, 0.04)  # mouth widths of teeth in sight: at most the first none are shown, from the second on all


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """Everything a face does at one frame. `gaze_xy` in iris radii, `brow` in iris radii upwards, blink 0..1."""

    mouth: MouthShape = REST
    blink: float = 0.0
    brow: float = 0.0
    gaze_xy: tuple[float, float] = (0.0, 0.0)
    turn_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)  # yaw, pitch, roll of the head
    breath: float = 0.0  # -1..1


def smooth(low: float, high: float, at: NDArray[np.floating]) -> NDArray[np.float64]:
    """0 below `low`, 1 above `high`, smooth between (also downwards, when low > high)."""
    t = np.clip((np.asarray(at, np.float64) - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def height_at(curve: Curve, x: Numbers) -> Numbers:
    return np.interp(x, curve[:, 0], curve[:, 1])


def _smile(record: Record, t: Numbers, height: Numbers, width: float) -> Numbers:
    """How far corners may come down; a mouth that is a line keeps its ends, which would be drawn out into strokes."""
    if record.style is Style.OBJECT:
        return np.zeros_like(t)
    return np.asarray(np.clip(height, 0, 0.14 * width) * smooth(1.9, 0.9, np.abs(t)))


def _profiles(record: Record, t: Numbers) -> Numbers:
    """An almond, and the ring of lips pushed forward that touch beside it; a mouth that is a line has no lips."""
    t = np.abs(t / record.mouth.open_share)
    almond = np.clip(1 - t**2.2, 0, 1) ** 0.8
    ring = np.clip(1 - (t / ROUND_SHARE) ** 2.2, 0, 1) ** 0.6
    return np.stack([almond, almond if record.style is Style.OBJECT else ring])


@dataclass(slots=True)
class LipColumns:
    """The lower face. `knots[0]` are heights at rest, `knots[1]` those of now."""

    x0: float
    knots: Numbers  # (2, 7, columns)
    moved: Numbers  # (7, columns): how far each knot is from its place at rest
    top: float  # of `found`
    found: NDArray[np.float32] = field(repr=False)  # room for where each pixel around the mouth lay at rest
    box: Numbers  # middle x, y, reach x, y, squeeze, then between which heights the mouth may be open
    inside: Numbers  # middle x, half width, top y, tongue y, opening, width; teeth: x, y, texels a pixel, share
    amounts: Numbers  # of light and shade: lips spread, open, rounded
    width: float
    gains: tuple[float, float, float, float]  # opening, corners, pucker, what the upper lip follows
    teeth: Teeth
    profiles: Numbers = field(repr=False)  # (2, columns) how far lips part along the mouth, 0 at its corners; rounded
    around: Numbers = field(repr=False)  # how far the corners' own movement reaches
    jaw: Numbers = field(repr=False)
    smile: Numbers = field(repr=False)  # how far the corners lie above the middle: lips that round come down

    @classmethod
    def of(cls, record: Record, scale: float) -> LipColumns:
        seam, upper, lower, jaw = (
            curve * scale for curve in (record.mouth.seam, record.mouth.upper, record.mouth.lower, record.jaw)
        )
        left, right = seam[0, 0], seam[-1, 0]
        width, middle = right - left, (left + right) / 2
        x0 = np.floor(jaw[0, 0])
        x = np.arange(x0, np.ceil(jaw[-1, 0]) + 1)
        t = (x - middle) / (width / 2)
        jaw_y = height_at(jaw, x)
        seam_y, upper_y, lower_y = height_at(seam, x), height_at(upper, x), height_at(lower, x)
        top = np.minimum(np.full_like(x, record.mouth.top_y * scale), jaw_y - 6.0)
        bottom = np.full_like(x, jaw_y.max() + 0.85 * width)
        rows = np.stack([top, upper_y, seam_y, seam_y, lower_y, jaw_y, bottom])
        for low, high in zip(range(6), range(1, 7), strict=True):  # beyond the jaw's end all knots meet at the jaw
            rows[high] = np.maximum(rows[high], rows[low])
        beside = min(middle - jaw[0, 0], jaw[-1, 0] - middle)  # less than nothing in a head turned far aside
        jaw_t = np.abs(x - middle) / max(beside, 0.55 * width)
        middle_y = float(np.interp(middle, x, seam_y))
        teeth = teeth_of(record, scale)
        return cls(
            x0=float(x0),
            knots=np.stack([rows, rows]),
            moved=np.zeros_like(rows),
            top=float(np.floor(rows[0].min())),
            found=np.zeros((int(np.ceil(rows[-1].max() - rows[0].min())) + 3, len(x)), np.float32),
            box=np.array([middle, middle_y, REACH * width, 0.62 * width, 0.0, middle_y, middle_y]),
            inside=np.array([middle, width / 2, 0.0, 0.0, 0.0, width, teeth.x0, teeth.y0, TEXELS_PER_PX, 1.0]),
            amounts=np.zeros(3),
            width=float(width),
            gains=(record.mouth.gain, record.mouth.wide_gain, record.mouth.pucker_gain, record.mouth.upper_gain),
            teeth=teeth,
            profiles=_profiles(record, t),
            around=smooth(2.4, 0.7, np.abs(t)),
            jaw=np.clip(1 - jaw_t**2.2, 0, 1),
            smile=_smile(record, t, middle_y - seam_y, width),
        )

    def move(self, mouth: MouthShape) -> None:
        """Set the heights of now."""
        width = self.width
        opening, corners, rounding, above_follows = self.gains
        mouth = mouth._replace(wide=mouth.wide * (corners if mouth.wide > 0 else 1), pucker=mouth.pucker * rounding)
        rounded = min(1.0, max(0.0, 0.8 * mouth.pucker - 1.6 * min(0.0, mouth.wide)))
        outer = self.profiles[0]
        profile = outer + rounded * (self.profiles[1] - outer)
        drop = mouth.open * opening * width
        lift = 0.10 + 0.24 * rounded  # share of the opening that is above: an "o" is arched above too
        (rest, now), moved = self.knots, self.moved
        thin = mouth.press * 0.3 - mouth.pucker * 0.18  # share of the lips' height rolled in, or pushed out
        base = self.around * (0.16 * drop + 0.02 * mouth.pucker * width)
        base = (base + self.smile * (0.65 * rounded + 0.5 * min(0.36, mouth.open))) * above_follows
        raised = (lift * drop + 0.02 * mouth.pucker * width + mouth.upper * width) * above_follows
        lowered = (0.94 - lift) * drop - 0.5 * mouth.tuck * width
        above = base - profile * raised
        below = base + profile * lowered
        moved[1] = base - outer * raised + (rest[2] - rest[1]) * thin - profile * mouth.tuck * 0.1 * width
        moved[2], moved[3] = above, np.maximum(below, above)
        thin_below = thin + mouth.tuck * 5.0
        moved[4] = np.maximum(base + outer * lowered, above) * 0.96 - (rest[4] - rest[3]) * thin_below
        moved[5] = self.jaw * 0.62 * drop
        np.add(rest, moved, out=now)
        np.maximum.accumulate(now, axis=0, out=now)
        narrow = 1.0 + 0.62 * mouth.wide - 0.2 * min(0.5, mouth.open)
        self.box[4] = 1.0 / narrow - 1.0
        self.box[5:7] = now[2].min() - 1.0, now[3].max() + 1.0
        middle = rest.shape[1] // 2
        top_y, lower_edge = now[2, middle], now[3, middle]
        self.inside[2] = top_y
        self.inside[3] = lower_edge + 0.035 * width - mouth.tongue * 0.10 * width
        self.inside[4] = lower_edge - top_y
        pushed = mouth.pucker * max(0.0, 1.0 - 20.0 * mouth.upper)  # "o" hides the teeth, "sh" does not
        if self.teeth.hang:
            edge = rest[2, middle] + (TEETH_EDGE - 0.26 * pushed) * width
            self.inside[7] = edge + self.teeth.y0
            self.inside[9] = float(smooth(*LEAST_TEETH, np.array((edge - top_y) / width)))
        else:
            self.inside[7] = self.teeth.y0 - 0.2 * pushed * width
            self.inside[9] = 1.0 - float(smooth(0.4, 0.7, np.array(pushed)))
        self.amounts[:] = (
            min(1.2, max(0.0, mouth.wide) / 0.2),
            min(1.2, mouth.open / 0.36),
            min(1.0, 1.5 * rounded),
        )
