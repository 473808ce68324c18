"""Opens the picture a user gave: what it is, whether it can be used, upright and in colour. Knows no face.

Size and kind are read from the header before anything is decoded, so that a small file cannot become a huge picture.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.portrait.importing.errors import (
    AnimatedPicture,
    NotAPicture,
    PictureTooLarge,
    PictureTooSmall,
    PrintColours,
)

MAX_BYTES = 16 << 20
MAX_PIXELS = 64 << 20
MIN_SIDE_PX = 160

_OTHER_KINDS = (  # what people give most often instead, by its first bytes
    (b"GIF8", 0, "a GIF"),
    (b"WEBP", 8, "a WebP file"),
    (b"ftypheic", 4, "a HEIC file"),
    (b"ftypavif", 4, "an AVIF file"),
    (b"BM", 0, "a BMP file"),
    (b"II*\0", 0, "a TIFF file"),
    (b"MM\0*", 0, "a TIFF file"),
    (b"%PDF", 0, "a PDF"),
    (b"<svg", 0, "an SVG drawing"),
    (b"<?xml", 0, "an SVG drawing or another XML file"),
)
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_INKS = 4
_ORIENTATION = 0x112  # EXIF's tag
_TURNED: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {  # what makes a picture of that orientation upright
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """Upright, 8 bit. `alpha` (height, width) where the file says what is see-through, else None."""

    bgr: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None


def open_picture(content: bytes) -> Picture:
    """Raises NotAPicture, PictureTooLarge, PictureTooSmall, PrintColours, AnimatedPicture."""
    if len(content) > MAX_BYTES:
        raise PictureTooLarge(f"the file has {len(content) / 2**20:.0f} MiB; at most {MAX_BYTES >> 20} MiB can be used")
    width, height = _size(content)
    if width * height > MAX_PIXELS:
        raise PictureTooLarge(
            f"the picture has {width}x{height} pixels; at most {MAX_PIXELS >> 20} million can be used"
        )
    if min(width, height) < MIN_SIDE_PX:
        raise PictureTooSmall(f"the picture has {width}x{height} pixels; it must be at least {MIN_SIDE_PX} a side")
    return _decoded(content)


def suffix_of(content: bytes) -> str:
    """Of a file with this picture, which `open_picture` has taken."""
    return ".png" if content.startswith(_PNG) else ".jpg"


def _size(content: bytes) -> tuple[int, int]:
    if content.startswith(_PNG):
        return _png_size(content)
    if content.startswith(_JPEG):
        return _jpeg_size(content)
    for mark, at, name in _OTHER_KINDS:
        if content[at : at + len(mark)] == mark:
            raise NotAPicture(f"this is {name}; save the picture as PNG or JPEG")
    raise NotAPicture


def _png_size(content: bytes) -> tuple[int, int]:
    if len(content) < 33 or content[12:16] != b"IHDR":
        raise NotAPicture("the PNG file is damaged")
    end = content.find(b"IDAT")
    if content.find(b"acTL", 33, end if end > 0 else None) > 0:
        raise AnimatedPicture
    width, height = struct.unpack(">II", content[16:24])
    return int(width), int(height)


def _jpeg_size(content: bytes) -> tuple[int, int]:
    at = 2
    while at + 10 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in _FRAME_MARKERS:
            height, width, channels = struct.unpack(">HHB", content[at + 5 : at + 10])
            if channels == _INKS:
                raise PrintColours
            return int(width), int(height)
        at += 1 if marker == 0xFF else 2 + int(struct.unpack(">H", content[at + 2 : at + 4])[0])
    raise NotAPicture("the JPEG file is damaged")


def _png_orientation(content: bytes) -> int:
    """As its EXIF says, 1 where it says nothing."""
    at = 8
    while at + 12 <= len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        if kind == b"eXIf":
            return _orientation(content[at + 8 : at + 8 + size])
        at += 12 + size
    return 1


def _orientation(exif: bytes) -> int:
    order = ">" if exif.startswith(b"MM") else "<"
    try:
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, at)
        entries = (struct.unpack_from(order + "HHIH", exif, at + 2 + 12 * number) for number in range(count))
        return next((int(value) for tag, _, _, value in entries if tag == _ORIENTATION), 1)
    except struct.error:  # a damaged note on a picture that may be whole
        return 1


def _decoded(content: bytes) -> Picture:
    import cv2

    data = np.frombuffer(content, np.uint8)
    with_alpha = content.startswith(_PNG)
    try:
        # IMREAD_COLOR turns the picture as its EXIF says; IMREAD_UNCHANGED keeps transparency and does not turn
        picture: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED if with_alpha else cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise NotAPicture(f"the picture cannot be decoded: {error}") from error
    if picture is None:
        raise NotAPicture("the picture is damaged")
    if with_alpha and (turned := _TURNED.get(_png_orientation(content))) is not None:
        picture = turned(picture)
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    if picture.ndim == 2:
        picture = picture[..., None]
    bgr, alpha = picture[..., :3], None
    if picture.shape[2] in (2, 4):
        alpha = np.ascontiguousarray(picture[..., -1])
    if picture.shape[2] < 3:
        bgr = picture[..., :1].repeat(3, 2)
    if alpha is not None and alpha.min() > 250:
        alpha = None
    return Picture(bgr=np.ascontiguousarray(bgr), alpha=alpha)
