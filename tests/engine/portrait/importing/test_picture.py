"""What becomes of the pictures people give: each bad one has its own answer, before anything is decoded or written."""

from __future__ import annotations

import json
import resource
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.api import BadCharacter
from engine.portrait.importing.environment import Found
from engine.portrait.importing.errors import (
    AnimatedPicture,
    FaceCutOff,
    FaceNotUpright,
    MouthOutsideFigure,
    NoFace,
    NotAPicture,
    PictureTooLarge,
    PictureTooSmall,
    PrintColours,
    SeveralFaces,
)
from engine.portrait.importing.make import import_picture
from engine.portrait.importing.picture import open_picture


def encoded(pixels: np.ndarray, kind: str = ".png") -> bytes:
    return cv2.imencode(kind, pixels)[1].tobytes()


def grey(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.full((height, width, channels), 120, np.uint8)


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def animated() -> bytes:
    still = encoded(grey(200, 200))
    return still[:33] + png_chunk(b"acTL", struct.pack(">II", 2, 0)) + still[33:]


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 1) + entry + b"\0\0\0\0"
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


CMYK = b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 20, 8, 400, 400, 4) + bytes(40)
HUGE = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
BAD: dict[str, tuple[bytes, type[BadCharacter], str]] = {
    "a text": (b"I am a cat, honestly" * 20, NotAPicture, "PNG or JPEG"),
    "nothing": (b"", NotAPicture, "PNG or JPEG"),
    "a GIF": (b"GIF89a" + bytes(60), NotAPicture, "GIF"),
    "a WebP": (b"RIFF\0\0\0\0WEBPVP8 " + bytes(60), NotAPicture, "WebP"),
    "a HEIC": (b"\0\0\0\x18ftypheic" + bytes(60), NotAPicture, "HEIC"),
    "an SVG": (b"<svg xmlns=''/>" + bytes(60), NotAPicture, "SVG"),
    "20 MB": (b"\xff\xd8\xff" + bytes(20 << 20), PictureTooLarge, "20 MiB"),
    "a bomb": (HUGE, PictureTooLarge, "60000x60000"),
    "1x1": (encoded(grey(1, 1)), PictureTooSmall, "1x1"),
    "CMYK": (CMYK, PrintColours, "RGB"),
    "animated": (animated(), AnimatedPicture, "animated"),
    "half a PNG": (encoded(grey(300, 300))[:60], NotAPicture, "damaged"),
    "half a JPEG": (encoded(grey(300, 300), ".jpg")[:120], NotAPicture, "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_refused_in_words(name: str) -> None:
    content, kind, words = BAD[name]
    with pytest.raises(kind) as refused:
        open_picture(content)
    assert words in (str(refused.value) or kind.__doc__ or "")


def test_a_photo_that_lies_on_its_side_is_turned_upright() -> None:
    pixels = grey(200, 400)
    pixels[:, :40] = 250
    turned = open_picture(with_exif(encoded(pixels, ".jpg"), 6)).bgr
    assert turned.shape == (400, 200, 3) and turned[:30].mean() > 240 > 140 > turned[60:].mean()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_png_is_turned_as_a_jpeg_is(orientation: int) -> None:
    pixels = grey(200, 400)
    pixels[:, :40], pixels[:40] = 250, 20
    jpeg, png = with_exif(encoded(pixels, ".jpg"), orientation), encoded(pixels)
    note = jpeg[12 : 12 + struct.unpack(">H", jpeg[4:6])[0] - 8]
    turned = open_picture(png[:33] + png_chunk(b"eXIf", note) + png[33:]).bgr
    like = open_picture(jpeg).bgr
    assert turned.shape == like.shape and np.abs(turned.astype(int) - like).mean() < 1
    assert open_picture(png[:33] + png_chunk(b"eXIf", note[:11]) + png[33:]).bgr.shape == pixels.shape, "damaged"


def test_transparency_is_kept_and_its_absence_is_seen() -> None:
    pixels = grey(200, 200, 4)
    pixels[..., 3] = 255
    assert open_picture(encoded(pixels)).alpha is None
    pixels[:50, :, 3] = 0
    alpha = open_picture(encoded(pixels)).alpha
    assert alpha is not None and alpha[0, 0] == 0 and alpha[199, 0] == 255


def test_grey_and_deep_pictures_become_colour_of_eight_bits() -> None:
    for pixels in (np.full((200, 200), 120, np.uint8), np.full((200, 200, 3), 120 << 8, np.uint16)):
        bgr = open_picture(encoded(pixels)).bgr
        assert bgr.shape == (200, 200, 3) and bgr.dtype == np.uint8 and bgr[0, 0, 0] == 120


class Sees:
    """An analyser that has its answer ready."""

    def __init__(self, *faces: tuple[float, float, float]) -> None:
        self._faces = [np.array([x, y, 0.0]) + size * MESH for x, y, size in faces]

    def lies(self, landmark: int, x: float, y: float) -> None:
        self._faces[0][landmark] = (x, y, 0.0)

    def analyse(self, picture: np.ndarray) -> Found:
        return Found(faces=tuple(self._faces), figure=np.zeros(picture.shape[:2], np.uint8))


MESH = np.random.default_rng(0).uniform(-0.5, 0.5, (478, 3))
FACES = {
    "no face": (Sees(), NoFace),
    "two faces": (Sees((150, 200, 100), (450, 200, 90)), SeveralFaces),
    "a face cut off": (Sees((300, 20, 100)), FaceCutOff),
}


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_head_that_lies_is_refused_before_anything_is_made_of_it(turns: int, tmp_path: Path) -> None:
    analyser, (sine, cosine) = Sees((300, 200, 100)), ((0, 1), (1, 0), (0, -1), (-1, 0))[turns]
    analyser.lies(10, 300 - 40 * sine, 200 - 40 * cosine)
    analyser.lies(152, 300 + 40 * sine, 200 + 40 * cosine)
    with pytest.raises(FaceNotUpright):
        import_picture(encoded(grey(400, 600)), tmp_path / "made", analyser=analyser)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FACES)
def test_a_picture_without_one_whole_face_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    analyser, kind = FACES[name]
    with pytest.raises(kind):
        import_picture(encoded(grey(400, 600)), tmp_path / "made", analyser=analyser)
    assert list(tmp_path.iterdir()) == []


MOUTH = {"mouth": {"left": [250, 230], "right": [350, 230]}}
ELSEWHERE = [[1, 1], [40, 1], [40, 40]]


@pytest.mark.parametrize("seen", [0, 60])
def test_a_figure_without_a_mouth_leaves_nothing_behind(seen: int, tmp_path: Path) -> None:
    """All see-through, all but a corner, or an outline around something else."""
    alpha = np.zeros((360, 600), np.uint8)
    alpha[:seen, :seen] = 255
    for picture, points in (
        (np.dstack([grey(360, 600), alpha]), MOUTH),
        (grey(360, 600), MOUTH | {"outline": ELSEWHERE}),
    ):
        with pytest.raises(MouthOutsideFigure):
            import_picture(encoded(picture), tmp_path / "made", analyser=Sees(), points=json.dumps(points))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file may have more than a kilobyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_why_a_portrait_cannot_be_kept_is_said_and_nothing_stays(tmp_path: Path, little_room: None) -> None:
    points = MOUTH | {"outline": [[150, 40], [450, 40], [300, 350]]}
    with pytest.raises(OSError, match="File too large"):
        import_picture(encoded(grey(360, 600)), tmp_path / "made", analyser=Sees(), points=json.dumps(points))
    assert list(tmp_path.iterdir()) == []
