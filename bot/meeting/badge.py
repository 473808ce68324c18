"""The AI badge every tile carries, composited last on whatever an engine made. Knows pictures only.

Frames are I420 (BT.601, limited range) of shape (height * 3 // 2, width). The badge sits in the top left corner, where
none of the platforms puts its own name label, and its box is even in all coordinates so that chroma planes line up.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

_HEIGHT_SHARE = 0.085  # of the picture: readable in a small tile of a 3x3 grid
_TEXT = "AI"
NEUTRAL_LUMA = 48


class Badge:
    """Draws the badge for one picture size; `on` writes it into a frame in place."""

    def __init__(self, *, width: int, height: int, text: str = _TEXT) -> None:
        self._width, self._height = width, height
        tall = max(16, round(height * _HEIGHT_SHARE / 2) * 2)
        patch, alpha = _draw(text, tall)
        margin = max(4, round(height * 0.03 / 2) * 2)
        self.box = (margin, margin, patch.shape[1], tall)  # x, y, width, height in pixels
        yuv = cv2.cvtColor(patch, cv2.COLOR_BGR2YUV_I420)
        small = np.asarray(cv2.resize(alpha, (patch.shape[1] // 2, tall // 2), interpolation=cv2.INTER_AREA), np.uint8)
        self._planes = _planes(np.asarray(yuv, np.uint8), patch.shape[1], tall)
        self._alphas = (_fixed(alpha), _fixed(small), _fixed(small))

    def on(self, frame: Frame) -> None:
        x, y, wide, tall = self.box
        y_plane, u_plane, v_plane = _planes(frame, self._width, self._height)
        boxes = (
            y_plane[y : y + tall, x : x + wide],
            u_plane[y // 2 : (y + tall) // 2, x // 2 : (x + wide) // 2],
            v_plane[y // 2 : (y + tall) // 2, x // 2 : (x + wide) // 2],
        )
        for under, over, alpha in zip(boxes, self._planes, self._alphas, strict=True):
            blended = under.astype(np.uint16) * (256 - alpha) + over.astype(np.uint16) * alpha
            under[:] = (blended >> 8).astype(np.uint8)


def _planes(frame: Frame, width: int, height: int) -> tuple[Frame, Frame, Frame]:
    """Views of the three planes; the chroma ones are reshaped, which needs a contiguous frame."""
    flat = frame.reshape(-1)
    size, quarter = width * height, width * height // 4
    half = (height // 2, width // 2)
    return (
        flat[:size].reshape(height, width),
        flat[size : size + quarter].reshape(half),
        flat[size + quarter : size + 2 * quarter].reshape(half),
    )


def _fixed(alpha: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return (alpha.astype(np.uint16) * 256 + 127) // 255


def neutral_picture(width: int, height: int) -> Frame:
    """What is seen after a kill, before the badge is on it: plain dark grey, nobody's face."""
    frame = np.full((height * 3 // 2, width), 128, np.uint8)
    frame[:height] = NEUTRAL_LUMA
    return frame


def _draw(text: str, tall: int) -> tuple[Frame, NDArray[np.uint8]]:
    """The badge as BGR and its coverage, drawn at four times the size and reduced for clean edges."""
    scale, big = 4, 4 * tall
    font, font_scale, thick = cv2.FONT_HERSHEY_DUPLEX, big / 40.0, max(2, big // 14)
    (text_wide, text_tall), _ = cv2.getTextSize(text, font, font_scale, thick)
    wide = round((text_wide + big * 0.75) / scale / 2) * 2
    picture = np.full((big, wide * scale, 3), (120, 72, 20), np.uint8)
    cover = np.zeros((big, wide * scale), np.uint8)
    radius = big // 2 - 1
    cv2.circle(cover, (radius, radius), radius, 255, -1, cv2.LINE_AA)
    cv2.circle(cover, (wide * scale - radius - 1, radius), radius, 255, -1, cv2.LINE_AA)
    cv2.rectangle(cover, (radius, 0), (wide * scale - radius - 1, big - 1), 255, -1)
    origin = ((wide * scale - text_wide) // 2, (big + text_tall) // 2)
    cv2.putText(picture, text, origin, font, font_scale, (255, 255, 255), thick, cv2.LINE_AA)
    size = (wide, tall)
    patch = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)
    return np.asarray(patch, np.uint8), (alpha.astype(np.uint16) * 235 // 255).astype(np.uint8)
