"""What is wrong with a picture and what to do about it. Facts in, findings out; refuses nothing by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    face_px: float  # width of the face in the user's picture
    enlarged: float
    mouth_gap: float  # share of its width
    turned: float  # 0 front, 1 profile
    tilt_deg: float
    eyes_open: float | None  # height by width of the narrower eye
    lips_differ: float  # from the skin around them, in Lab
    brightness: float  # of the face, 0..255
    sharpness: float  # variance of the face's Laplacian over that of its luma
    matte_by: str
    filled_share: float  # of the stage that lies beyond the picture
    faces: int
    drawn: bool
    marked: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    code: str
    text: str


MIN_FACE_PX = 250
MOST_TILT_DEG = 25  # from here on the stage leaves a head as it leans
_RULES: tuple[tuple[str, Callable[[Facts], bool], str], ...] = (
    ("small_face", lambda f: not f.drawn and f.face_px < MIN_FACE_PX,
     f"The face is less than {MIN_FACE_PX} pixels wide and will look soft; use a larger or closer picture."),
    ("mouth_hard_to_see", lambda f: not f.marked and f.lips_differ < 4,
     "The lips hardly differ from the skin: they may be covered (hand, mask, beard, microphone). Look at the sheet, or "
     "use a picture that shows the mouth."),
    ("mouth_wide_open", lambda f: f.mouth_gap > 0.35,
     "The mouth is wide open; it was closed by stretching. A picture with a closed or slightly smiling mouth looks "
     "better."),
    ("smile_with_teeth", lambda f: 0.07 < f.mouth_gap <= 0.35,
     "The mouth shows teeth; they are used, but a smile's folds stay while it speaks. A closed mouth looks better."),
    ("turned_away", lambda f: f.turned > 0.35, "The head is turned aside; use a picture that looks at the camera."),
    ("tilted", lambda f: 12 < abs(f.tilt_deg) < MOST_TILT_DEG,
     "The head leans far to one side; the picture was turned upright."),
    ("leans_too_far", lambda f: abs(f.tilt_deg) >= MOST_TILT_DEG,
     "The head leans too far to be turned upright without guessing; turn the picture yourself, or use another."),
    ("eyes_closed", lambda f: f.eyes_open is not None and f.eyes_open < 0.16,
     "The eyes are nearly closed; use a picture with open eyes."),
    ("dark", lambda f: not f.drawn and f.brightness < 55, "The face is dark; use a picture with more light on it."),
    ("blurred", lambda f: not f.drawn and not f.marked and f.sharpness < 0.004,
     "The face is out of focus or strongly compressed; use a sharper picture."),
    ("cut_by_colour", lambda f: f.matte_by == "colour",
     "The figure was cut out by its colours. Look at its edge in the clip; a PNG with a transparent background, or an "
     "outline in the points file, is exact."),
    ("filled_sides", lambda f: f.filled_share > 0.02,
     "The picture is too narrow for a meeting's 16:9; what lies beside it was made up from its background."),
    ("other_faces", lambda f: f.faces > 1, "There are smaller faces in the background; the largest one speaks."),
    ("by_hand", lambda f: f.marked,
     "The points were set by hand: look at the sheet, and move mouth and eye points where it looks wrong."),
)  # fmt: skip


def findings(facts: Facts) -> list[Finding]:
    return [Finding(code=code, text=text) for code, applies, text in _RULES if applies(facts)]


def report(facts: Facts) -> dict[str, object]:
    """As JSON keeps it."""
    measured = {name: round(v, 4) if isinstance(v, float) else v for name, v in asdict(facts).items()}
    return {"measured": measured, "findings": [asdict(finding) for finding in findings(facts)]}
