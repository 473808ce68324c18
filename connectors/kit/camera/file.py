"""Our pyvirtualcam backend "understudy-file": a two-frame Y4M that is rewritten in place through mmap.

Chromium's file capture device reads such a file again and again, frame by frame, so overwriting both frames makes a
live camera: no page script, no kernel module. A fifo does not do: it is opened, read twice and closed. The switches
are given to the video-capture utility process alone, for as switches of the whole browser they would replace the
microphone too. Format: https://wiki.multimedia.cx/index.php/YUV4MPEG2
"""

from __future__ import annotations

import mmap
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BACKEND = "understudy-file"
FRAMES = 2
# Chromium reads five times for four pictures: two free-running clocks of one rate would let many a picture fall
# between two reads. On a loaded machine 20.7 of 24 pictures a second arrive this way and 13.3 with equal rates.
READS, PICTURES = 5, 4
FRAME_HEAD = b"FRAME\n"

WRAPPER = """\
#!/bin/sh
case " $* " in
 *video_capture.mojom.VideoCaptureService*)
  exec "$@" --use-fake-device-for-media-stream --use-file-for-fake-video-capture={file} ;;
esac
exec "$@"
"""


class FileCamera:
    """The class pyvirtualcam is given. `device` is the path of the file, which must exist (see `make_file`)."""

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **options: Any) -> None:
        if device is None:
            raise RuntimeError("the file camera needs its file as the device")
        self._path = device
        self._size = width * height * 3 // 2
        with Path(device).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._head = len(header(width, height, round(fps)))
        if len(self._map) != self._head + FRAMES * (len(FRAME_HEAD) + self._size):
            self._map.close()
            raise RuntimeError("the camera's file has another size")

    def send(self, frame: NDArray[np.uint8]) -> None:
        picture = frame.data.cast("B") if frame.ndim > 1 else frame.data
        for index in range(FRAMES):
            start = self._head + index * (len(FRAME_HEAD) + self._size) + len(FRAME_HEAD)
            self._map[start : start + self._size] = picture

    def close(self) -> None:
        self._map.close()

    def device(self) -> str:
        return self._path

    def native_fourcc(self) -> int:
        from pyvirtualcam import PixelFormat
        from pyvirtualcam.util import encode_fourcc

        return int(encode_fourcc(PixelFormat.I420.value))


def register() -> None:
    """Make the backend known to pyvirtualcam. Safe to repeat."""
    import pyvirtualcam

    pyvirtualcam.register_backend(BACKEND, FileCamera)


def header(width: int, height: int, fps: int) -> bytes:
    return f"YUV4MPEG2 W{width} H{height} F{fps * READS // PICTURES}:1 Ip A1:1 C420jpeg\n".encode()


def make_file(path: Path, width: int, height: int, fps: int, frame: NDArray[np.uint8]) -> None:
    """The file as Chromium must find it when it starts."""
    path.write_bytes(header(width, height, fps) + (FRAME_HEAD + frame.tobytes()) * FRAMES)
    path.chmod(0o600)


def make_wrapper(path: Path, file: Path) -> str:
    """Write the script that gives the capture process its switches; returns Chromium's flag. Through `sh`, because
    the folder may be mounted noexec; the flag is split at spaces, of which `make_folder` makes none."""
    path.write_text(WRAPPER.format(file=shlex.quote(str(file))))
    path.chmod(0o600)
    return f"--utility-cmd-prefix=/bin/sh {path}"
