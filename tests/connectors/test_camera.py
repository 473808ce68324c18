"""The virtual camera: epochs and the file's format fast, each way into a real Chromium slowly."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from connectors.base import DeviceFailed
from connectors.kit.browser import PROGRAMS, Browser
from connectors.kit.camera import CameraHost, VirtualCamera
from connectors.kit.camera import file as file_way
from connectors.kit.camera.virtual import black
from connectors.kit.channel import Channel

WIDTH, HEIGHT, FPS = 64, 36, 24
DEVICES = list(Path("/dev").glob("video*"))
needs_browser = pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed")


def mode_of(path: Path) -> int | None:
    return path.stat().st_mode & 0o777 if path.exists() else None


def grey(luma: int) -> np.ndarray:
    frame = black(WIDTH, HEIGHT)
    frame[:HEIGHT] = luma
    return frame


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "Camera.y4m"
    file_way.make_file(path, WIDTH, HEIGHT, FPS, black(WIDTH, HEIGHT))
    return path


@pytest.fixture
def camera(video: Path):
    file_way.register()
    camera = VirtualCamera(file_way.BACKEND, width=WIDTH, height=HEIGHT, fps=FPS, device=str(video))
    yield camera
    camera.close()


def lumas(video: Path) -> list[int]:
    """The luma of the file's two frames, read as a stranger to our code would."""
    head, *frames = video.read_bytes().split(b"FRAME\n")
    assert head == b"YUV4MPEG2 W64 H36 F30:1 Ip A1:1 C420jpeg\n"
    assert [len(frame) for frame in frames] == [WIDTH * HEIGHT * 3 // 2] * 2
    return [frame[0] for frame in frames]


def test_a_shown_frame_is_in_both_frames_of_the_file(camera: VirtualCamera, video: Path) -> None:
    camera.show(grey(200), epoch=0)
    assert lumas(video) == [200, 200]


def test_frames_of_a_flushed_epoch_are_not_shown(camera: VirtualCamera, video: Path) -> None:
    camera.show(grey(50), epoch=1)
    camera.flush(2)
    camera.show(grey(99), epoch=1)
    assert lumas(video) == [50, 50]
    camera.show(grey(60), epoch=2)
    assert lumas(video) == [60, 60]


def test_neutral_is_the_last_picture(camera: VirtualCamera, video: Path) -> None:
    camera.set_neutral(grey(77))
    camera.neutral()
    camera.show(grey(200), epoch=9)
    assert lumas(video) == [77, 77]


def test_a_frame_of_another_size_and_a_closed_camera_are_errors(camera: VirtualCamera) -> None:
    with pytest.raises(ValueError):
        camera.show(np.zeros((10, 10), np.uint8), epoch=0)
    camera.close()
    camera.close()
    with pytest.raises(DeviceFailed):
        camera.show(grey(1), epoch=0)


async def test_an_unknown_way_is_named() -> None:
    async with Channel() as channel:
        with pytest.raises(DeviceFailed, match="telepathy"):
            CameraHost(channel, way="telepathy")


@pytest.mark.slow
@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("way", ["file", "page", "v4l2loopback"])
async def test_each_way_brings_a_known_picture_into_the_browser(tmp_path: Path, way: str) -> None:
    if way == "v4l2loopback" and not DEVICES:
        pytest.skip("this host has no v4l2loopback device")
    async with Channel() as channel, CameraHost(channel, way=way) as host:
        async with Browser(tmp_path, flags=host.flags) as opened:
            await host.settle(opened)
            assert host.way == way
            host.camera.show(black(640, 360), epoch=0)


@pytest.mark.slow
@pytest.mark.browser
@needs_browser
async def test_a_camera_that_does_not_arrive_is_replaced_by_one_in_the_page(tmp_path: Path) -> None:
    async with Channel() as channel, CameraHost(channel) as host:
        if host.way != "file":
            pytest.skip("this host has a v4l2loopback device")
        async with Browser(tmp_path) as opened:  # without the flags: the file's picture cannot arrive
            await host.settle(opened)
            assert host.way == "page" and "file" in host.failures


async def test_each_cameras_known_picture_is_its_own() -> None:
    async with Channel() as channel:
        pictures = [CameraHost(channel, width=WIDTH, height=HEIGHT).known_picture for _ in range(2)]
    assert all(one.shape == (HEIGHT * 3 // 2, WIDTH) for one in pictures)
    assert not np.array_equal(*pictures), "else two bots that start together could take each other's"


@pytest.mark.acceptance
@pytest.mark.browser
@needs_browser
async def test_the_camera_of_another_bot_does_not_pass_for_ones_own(tmp_path: Path) -> None:
    """As on a host with kernel devices, where every browser sees the cameras of all."""
    async with Channel() as channel, CameraHost(channel, way="file") as theirs, CameraHost(channel, way="file") as ours:
        async with Browser(tmp_path, flags=theirs.flags) as opened:
            theirs.camera.show(theirs.known_picture, epoch=0)
            with pytest.raises(DeviceFailed, match="does not reach"):
                await ours.settle(opened)
            await theirs.settle(opened)


@pytest.mark.slow
@pytest.mark.browser
@needs_browser
async def test_a_forced_way_that_does_not_work_is_an_error(tmp_path: Path) -> None:
    async with Channel() as channel, CameraHost(channel, way="file") as host:
        async with Browser(tmp_path) as opened:
            with pytest.raises(DeviceFailed, match="file"):
                await host.settle(opened)


async def test_the_cameras_files_go_with_it() -> None:
    async with Channel() as channel:
        async with CameraHost(channel, way="file") as host:
            video = Path(host.camera.device)
            assert mode_of(video) == 0o600
        assert mode_of(video.parent) is None
