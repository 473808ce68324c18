"""Imported faces do what they are told: a photo, two drawings and an object, lips and lids found again in the frames.

The photo is the public-domain portrait in scikit-image's wheel. Finding faces and fetching it needs the package index.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.api import SPEECH_RATE_HZ, Frames, Phoneme, SpeechTiming, VideoFormat
from engine.lipsync.track import MouthTrack
from engine.portrait.expression import Look
from engine.portrait.importing.environment import Analyser
from engine.portrait.importing.errors import NoAnalyser
from engine.portrait.importing.make import import_picture
from engine.portrait.record import Record, load_record
from engine.portrait.render import MARGIN_PX, Renderer
from engine.portrait.surface import i420_of_bgr

pytestmark = [pytest.mark.acceptance, pytest.mark.parallel, pytest.mark.timeout(900)]
LIBRARY = Path(__file__).parents[3] / "bot" / "library"
KEPT = Path(tempfile.gettempdir()) / "understudy-finding-faces"
SIZE = VideoFormat(width=1280, height=720, fps=24)
PHOTO_WHEEL = "scikit-image==0.25.2"
CUP = {
    "mouth": {"left": [235, 150], "right": [335, 150], "top": [285, 148], "bottom": [285, 162]},
    "eyes": [{"left": [222, 98], "right": [262, 98]}, {"left": [308, 98], "right": [348, 98]}],
    "chin": [285, 199],
    "crown": [285, 18],
    "outline": [[285 + 115 * np.cos(a), 108 + 92 * np.sin(a)] for a in np.linspace(0, 2 * np.pi, 40, endpoint=False)],
    "draw": ["mouth", "eyes"],
}
FACES = ("photo", "iris", "amara")
WORDS = "m a p o m i b e p a m u f a b a _ m e p i b o m a _"


@dataclass(frozen=True)
class Imported:
    record: Record
    renderer: Renderer


@pytest.fixture(scope="module")
def analyser() -> Analyser:
    made = Analyser(KEPT)
    try:
        made.python()
    except NoAnalyser as error:
        pytest.skip(str(error))
    return made


@pytest.fixture(scope="module")
def pictures(analyser: Analyser) -> dict[str, bytes]:
    folder = KEPT / "pictures"
    if not (folder / "coffee.png").exists():
        pip = [str(analyser.python()), "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), PHOTO_WHEEL]
        if subprocess.run(pip, capture_output=True, timeout=300).returncode:
            pytest.skip(f"{PHOTO_WHEEL} cannot be fetched")
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            for name in ("astronaut.png", "coffee.png"):
                (folder / name).write_bytes(wheel.read(f"skimage/data/{name}"))
    return {
        "photo": (folder / "astronaut.png").read_bytes(),
        "iris": (LIBRARY / "iris" / "portrait.png").read_bytes(),
        "amara": (LIBRARY / "amara" / "portrait.jpg").read_bytes(),
        "cup": (folder / "coffee.png").read_bytes(),
    }


@pytest.fixture(scope="module")
def imported(analyser: Analyser, pictures: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory):
    made: dict[str, Imported] = {}

    def get(name: str) -> Imported:
        if name not in made:
            folder = tmp_path_factory.mktemp(name) / "made"
            import_picture(pictures[name], folder, analyser=analyser, points=json.dumps(CUP) if name == "cup" else None)
            record = load_record(folder / "portrait.png", folder / "record")
            made[name] = Imported(record=record, renderer=Renderer(record, SIZE))
        return made[name]

    return get


def spoken() -> list:
    """Mouths of a made-up sentence, a sound every 110 ms, and a silent end."""
    sounds = WORDS.split()
    step = round(0.11 * SPEECH_RATE_HZ)
    phonemes = tuple(Phoneme(start=n * step, end=(n + 1) * step, symbol=s) for n, s in enumerate(sounds))
    track = MouthTrack(fps=24)
    total = len(sounds) * step // 4000 * 4000
    track.learn(SpeechTiming(phonemes=phonemes), 0, total)
    pcm = (3000 * np.sin(np.arange(total) * 0.05)).astype(np.int16)
    mouths = []
    for start in range(0, total, 4000):
        mouths += track.frames(pcm[start : start + 4000], start, start + 4000)
    return mouths


def painted(face: Imported, look: Look) -> Frames:
    frame = face.renderer.background.copy()
    face.renderer.paint_into(frame, look)
    return frame


def found_again(analyser: Analyser, frames: list[Frames], folder: Path) -> np.ndarray:
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{number:04}.png"), cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_I420))
    script = Path(__file__).with_name("redetect.py")
    done = subprocess.run([str(analyser.python()), "-I", str(script), str(folder)], capture_output=True, timeout=300)
    found = json.loads(done.stdout.splitlines()[-1])
    assert None not in found, "a painted face is not found again"
    return np.array(found)


def lag_and_r(commanded: np.ndarray, seen: np.ndarray) -> tuple[int, float]:
    def r(lag: int) -> float:
        a, b = commanded[3:-3], seen[3 + lag : len(seen) - 3 + lag]
        return float(np.corrcoef(a, b)[0, 1])

    best = max(range(-3, 4), key=r)
    return best, r(best)


@pytest.mark.parametrize("name", FACES)
def test_lips_found_again_open_as_they_were_told_and_at_once(name, imported, analyser, tmp_path) -> None:
    mouths = spoken()
    frames = [painted(imported(name), Look(mouth=mouth)) for mouth in mouths]
    seen = found_again(analyser, frames, tmp_path)[:, 0]
    lag, r = lag_and_r(np.array([mouth.open for mouth in mouths]), seen)
    shut = np.array([mouth.press > 0.6 and mouth.open < 0.02 for mouth in mouths])
    print(f"{name}: r {r:.3f}, lag {lag}, shut {np.median(seen[shut]):.3f}, widest {seen.max():.3f}")
    assert lag == 0 and r >= 0.85
    assert np.median(seen[shut]) < 0.06 < seen.max()


def test_an_objects_mouth_is_dark_as_far_as_it_was_told_to_open(imported) -> None:
    cup, mouths = imported("cup"), spoken()
    seam = cup.record.mouth.seam * 1280 / cup.record.still.shape[1]
    (x0, y0), (x1, y1) = seam.min(0), seam.max(0)
    box = (slice(int(y0 - 6), int(y1 + 0.5 * (x1 - x0))), slice(int(x0), int(x1)))
    rest = painted(cup, Look())[box].astype(int)
    dark = [(painted(cup, Look(mouth=m))[box] < rest - 25).sum() for m in mouths]
    lag, r = lag_and_r(np.array([m.open for m in mouths]), np.array(dark))
    print(f"cup: r {r:.3f}, lag {lag}")
    assert lag == 0 and r >= 0.85


@pytest.mark.parametrize("name", FACES)
def test_a_blink_closes_the_eyes(name, imported, analyser, tmp_path) -> None:
    face = imported(name)
    opened, shut = (painted(face, Look(blink=value)) for value in (0.0, 1.0))
    seen = found_again(analyser, [opened, shut], tmp_path)[:, 1]
    white = max(_white(face, shut, n) for n in (0, 1))
    print(f"{name}: open {seen[0]:.3f}, shut {seen[1]:.3f}, white {white:.3f}")
    if name == "photo":  # the light skin of a photo's lid is nearly as bright as the white of its eye
        assert seen[1] < 0.3 * seen[0]
    else:
        assert white <= 0.03


def _white(face: Imported, frame: Frames, eye: int) -> float:
    """The share of the eye's outline that is still as white as the white of the open eye."""
    scale = 1280 / face.record.still.shape[1]
    shape = np.concatenate([face.record.eyes[eye].upper, face.record.eyes[eye].lower[::-1]]) * scale
    mask = np.zeros(frame.shape[:1] + frame.shape[1:], np.uint8)
    cv2.fillPoly(mask, [np.round(shape).astype(np.int32)], 1)
    before = painted(face, Look())
    white = np.percentile(before[mask > 0], 95)
    skin = np.median(frame[mask > 0])
    return float((frame[mask > 0] > (white + max(skin, white - 40)) / 2 + 8).mean())


@pytest.mark.parametrize("name", (*FACES, "cup"))
def test_at_rest_it_is_the_still_and_the_place_behind_never_changes(name, imported) -> None:
    face = imported(name)
    still = i420_of_bgr(cv2.resize(face.record.still, (1280, 720), interpolation=cv2.INTER_AREA))[:720]
    rest = np.abs(painted(face, Look())[:720].astype(int) - still)
    matte = cv2.resize(face.record.matte, (1280, 720), interpolation=cv2.INTER_AREA)
    away = cv2.dilate(matte, np.ones((2 * MARGIN_PX + 3,) * 2, np.uint8)) == 0
    moved = painted(face, Look(blink=1.0, turn_rad=(0.05, 0.05, 0.02), breath=1.0))[:720]
    print(f"{name}: rest differs by {rest.mean():.4f}, place {away.mean():.2f} of the picture")
    assert rest.mean() < 0.01
    np.testing.assert_array_equal(moved[away], still[away])
