"""Our pyvirtualcam backend "understudy-page": pictures as JPEG over the loopback channel to a track in the page."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from connectors.kit.channel import Channel

BACKEND = "understudy-page"
NAME = "camera"  # in the channel
QUALITY = 88
STILL_S = 0.5  # a still picture is sent again so often: a silent camera counts as broken


class PageFeed:
    """The newest picture, for every page that asks. A slow page skips pictures, it never delays them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._jpeg = b""
        self._news: set[asyncio.Event] = set()

    def put(self, jpeg: bytes) -> None:
        """From any thread."""
        self._jpeg = jpeg
        self._loop.call_soon_threadsafe(self._wake)

    async def handle(self, socket: web.WebSocketResponse) -> None:
        news = asyncio.Event()
        self._news.add(news)
        try:
            while not socket.closed:
                if self._jpeg:
                    await socket.send_bytes(self._jpeg)
                try:
                    async with asyncio.timeout(STILL_S):
                        await news.wait()
                except TimeoutError:
                    pass
                news.clear()
        except ConnectionError:
            return
        finally:
            self._news.discard(news)

    def _wake(self) -> None:
        for news in self._news:
            news.set()


class PageCamera:
    """The class pyvirtualcam is given; `feed` is the PageFeed its pictures go to."""

    def __init__(
        self,
        *,
        width: int,
        height: int,
        fps: float,
        fourcc: int,
        device: str | None,
        feed: PageFeed | None = None,
        **options: Any,
    ) -> None:
        if feed is None:
            raise RuntimeError("the page camera needs its feed")
        self._feed, self._shape = feed, (height * 3 // 2, width)

    def send(self, frame: NDArray[np.uint8]) -> None:
        import cv2

        picture = cv2.cvtColor(frame.reshape(self._shape), cv2.COLOR_YUV2BGR_I420)
        _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        try:
            self._feed.put(jpeg.tobytes())
        except RuntimeError as error:
            raise OSError("the channel to the page is closed") from error

    def close(self) -> None:
        return

    def device(self) -> str:
        return "page"

    def native_fourcc(self) -> int | None:
        return None


def register() -> None:
    """Make the backend known to pyvirtualcam. Safe to repeat."""
    import pyvirtualcam

    pyvirtualcam.register_backend(BACKEND, PageCamera)


def camera_script(channel: Channel, width: int, height: int, fps: int) -> str:
    """The page part, for a context's init scripts."""
    source = (Path(__file__).parent / "camera.js").read_text("utf-8")
    settings = {"url": channel.ws_url(NAME), "width": width, "height": height, "fps": fps}
    return f"({source})({json.dumps(settings)})"
