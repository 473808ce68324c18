"""Which way the picture goes into the browser: chosen, tried before the meeting, replaced when it does not work.

async with CameraHost(channel, way="auto", width=640, height=360, fps=24) as host:
    async with Browser(folder, flags=host.flags) as browser:
        await host.settle(browser)      # a known picture has arrived, or DeviceFailed
        host.camera.show(frame, epoch=0)
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np

from connectors.base import DeviceFailed, Frame
from connectors.kit.browser import Browser
from connectors.kit.camera import file as file_way
from connectors.kit.camera import page as page_way
from connectors.kit.camera.virtual import VirtualCamera, black
from connectors.kit.channel import Channel
from connectors.kit.folders import make_folder

WAYS = ("v4l2loopback", "file", "page")  # in the order "auto" tries them
TMPFS = Path("/dev/shm")
CHECK_S = 8.0
CELLS = 4  # of the known picture, across and down
LUMAS = (40, 100, 160, 220)


class CameraHost:
    """Prepares the camera before the browser starts and proves it after. `way` auto takes the first that works."""

    def __init__(
        self, channel: Channel, *, way: str = "auto", width: int = 640, height: int = 360, fps: int = 24
    ) -> None:
        if way not in ("auto", *WAYS):
            raise DeviceFailed(f"{way!r} is no way of the camera; there are: auto, {', '.join(WAYS)}")
        self._channel, self._wanted = channel, way
        self._width, self._height, self._fps = width, height, fps
        self._cells = [secrets.choice(LUMAS) for _ in range(CELLS * CELLS)]  # ours alone: other bots have cameras too
        self._folders: list[Path] = []
        self._camera: VirtualCamera | None = None
        self.way = ""
        self.flags: list[str] = []
        self.failures: dict[str, str] = {}  # way: why it was not taken

    @property
    def camera(self) -> VirtualCamera:
        assert self._camera is not None, "the camera's host is entered first"
        return self._camera

    @property
    def known_picture(self) -> Frame:
        """Cells of known brightness, so that a picture of another camera cannot pass."""
        frame = np.full((self._height * 3 // 2, self._width), 128, np.uint8)
        rows, columns = (np.arange(size) * CELLS // size for size in (self._height, self._width))
        frame[: self._height] = np.array(self._cells, np.uint8).reshape(CELLS, CELLS)[rows][:, columns]
        return frame

    async def __aenter__(self) -> Self:
        """Raises DeviceFailed."""
        with ExitStack() as stack:
            stack.callback(self._close)
            self._open_first(WAYS if self._wanted == "auto" else (self._wanted,))
            stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        if self._camera is not None:
            self._camera.close()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    async def settle(self, browser: Browser) -> None:
        """Try the camera in the browser; where it does not arrive, take a track in the page. Raises DeviceFailed."""
        if self.way == "page":
            await self._install(browser)
        failure = await self._check(browser)
        if failure and self._wanted == "auto" and self.way != "page":
            self.failures[self.way] = failure
            self.camera.close()
            self._open_first(("page",))
            await self._install(browser)
            failure = await self._check(browser)
        if failure:
            raise DeviceFailed(f"the camera ({self.way}) does not reach the browser: {failure}")
        self.camera.show(black(self._width, self._height), epoch=0)

    def _open_first(self, ways: tuple[str, ...]) -> None:
        openers = {"v4l2loopback": self._open_v4l2loopback, "file": self._open_file, "page": self._open_page}
        for way in ways:
            try:
                self._camera = openers[way]()
            except (DeviceFailed, OSError) as error:
                self.failures[way] = str(error)
            else:
                self.way = way
                return
        raise DeviceFailed("; ".join(f"{way}: {why}" for way, why in self.failures.items()))

    def _open_v4l2loopback(self) -> VirtualCamera:
        return self._virtual("v4l2loopback")

    def _open_file(self) -> VirtualCamera:
        file_way.register()
        video = self._folder(TMPFS if TMPFS.is_dir() else None) / "Camera.y4m"
        file_way.make_file(video, self._width, self._height, self._fps, black(self._width, self._height))
        self.flags = [file_way.make_wrapper(self._folder(None) / "capture.sh", video)]
        return self._virtual(file_way.BACKEND, device=str(video))

    def _open_page(self) -> VirtualCamera:
        page_way.register()
        feed = page_way.PageFeed()
        self._channel.serve(page_way.NAME, feed.handle)
        return self._virtual(page_way.BACKEND, feed=feed)

    def _virtual(self, backend: str, **options: object) -> VirtualCamera:
        return VirtualCamera(backend, width=self._width, height=self._height, fps=self._fps, **options)

    def _folder(self, parent: Path | None) -> Path:
        folder = make_folder("camera", parent)
        self._folders.append(folder)
        return folder

    async def _install(self, browser: Browser) -> None:
        script = page_way.camera_script(self._channel, self._width, self._height, self._fps)
        await browser.context.add_init_script(script)

    async def _check(self, browser: Browser) -> str:
        """Why the known picture is not seen; empty when it is."""
        from playwright.async_api import Error

        self.camera.show(self.known_picture, epoch=0)
        page = await browser.context.new_page()
        try:
            async with asyncio.timeout(CHECK_S):
                await page.goto(self._channel.blank_url)
                asked = {"cells": self._cells, "across": CELLS, "patience": (CHECK_S - 2) * 1000}
                seen = await page.evaluate(_LOOK_JS, asked)
        except (Error, TimeoutError) as error:
            return str(error).splitlines()[0] if str(error) else "no answer in time"
        finally:
            await page.close()
        return "" if seen["found"] else f"seen was {json.dumps(seen)}"


_LOOK_JS = """async ({ cells, across, patience }) => {
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "videoinput").length;
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  const reader = new MediaStreamTrackProcessor({ track: stream.getVideoTracks()[0] }).readable.getReader();
  const pen = new OffscreenCanvas(across, across).getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingEnabled = false; // smoothing would mix the cells
  const until = performance.now() + patience;
  let seen = [];
  let found = false;
  while (!found && performance.now() < until) {
    const { value: frame, done } = await reader.read();
    if (done) break;
    pen.drawImage(frame, 0, 0, across, across);
    frame.close();
    const pixels = pen.getImageData(0, 0, across, across).data;
    seen = cells.map((_, at) => Math.round((pixels[4 * at + 1] * 219) / 255 + 16));
    found = cameras > 0 && seen.every((luma, at) => Math.abs(luma - cells[at]) < 25);
  }
  stream.getTracks().forEach((track) => track.stop());
  return { cameras, seen, found };
}"""
