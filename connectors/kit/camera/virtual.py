"""The camera as the device thread sees it: frames by epoch, a last picture that stays. Knows no way into a browser."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from connectors.base import DeviceFailed, Frame

BLACK_Y, BLACK_C = 16, 128


class VirtualCamera:
    """Implements `connectors.base.Camera` on any pyvirtualcam backend."""

    def __init__(self, backend: str, *, width: int, height: int, fps: int, **options: Any) -> None:
        """Raises DeviceFailed when the backend cannot start."""
        import pyvirtualcam

        try:
            self._camera = pyvirtualcam.Camera(
                width, height, fps, fmt=pyvirtualcam.PixelFormat.I420, backend=backend, **options
            )
        except (RuntimeError, OSError) as error:
            raise DeviceFailed(f"the camera backend {backend} did not start: {error}") from error
        self._lock = threading.Lock()
        self._width, self._height, self._fps = width, height, fps
        self._floor = 0
        self._final = False
        self._closed = False
        self._neutral = black(width, height)

    @property
    def width(self) -> int:
        return self._width

    @property
    def height(self) -> int:
        return self._height

    @property
    def fps(self) -> int:
        return self._fps

    @property
    def device(self) -> str:
        return str(self._camera.device)

    def show(self, frame: Frame, *, epoch: int) -> None:
        if epoch >= self._floor and not self._final:
            with self._lock:
                if epoch >= self._floor and not self._final:
                    self._send(frame)

    def flush(self, epoch: int) -> None:
        self._floor = max(self._floor, epoch)

    def set_neutral(self, frame: Frame) -> None:
        self._neutral = frame.copy()

    def neutral(self) -> None:
        self._final = True
        with self._lock:
            if not self._closed:
                self._send(self._neutral)

    def close(self) -> None:
        """Safe twice."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._camera.close()

    def _send(self, frame: Frame) -> None:
        if self._closed:
            raise DeviceFailed("the camera is closed")
        if frame.shape != (self._height * 3 // 2, self._width) or frame.dtype != np.uint8:
            raise ValueError(f"a frame is {self._height * 3 // 2}x{self._width} uint8, not {frame.shape} {frame.dtype}")
        try:
            self._camera.send(np.ascontiguousarray(frame).reshape(-1))
        except (RuntimeError, OSError) as error:
            raise DeviceFailed(f"the camera does not take pictures: {error}") from error


def black(width: int, height: int) -> Frame:
    frame = np.full((height * 3 // 2, width), BLACK_C, np.uint8)
    frame[:height] = BLACK_Y
    return frame
