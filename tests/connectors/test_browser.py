"""A bot's browser: evidence while it lives, nothing when it is gone."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import psutil
import pytest
from PIL import Image

from connectors.base import BrowserDied, DeviceFailed
from connectors.kit.browser import EVIDENCE_S, Browser, is_snap
from tests.connectors import needs
from tests.connectors.contract import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parallel,
    *needs.browser,
]
SPACES = ("pid", "net", "user")
PAGE = "data:text/html,<h1>Check your meeting code</h1><p>no"

VIDEO = """data:text/html,<body style="background:black"><video autoplay muted></video><script>
const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
setInterval(() => { pen.fillStyle = "rgb(250,0,0)"; pen.fillRect(0, 0, 300, 150); }, 50);
document.querySelector("video").srcObject = canvas.captureStream();
</script>"""


DEAF = "data:text/html,<h1>Meeting ended</h1><script>window.understudyPaint = () => new Promise(() => {})</script>"


def reddest(picture: Path) -> int:
    with Image.open(picture) as image:
        return int(image.convert("RGB").getextrema()[0][1])


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def home_of(family: list[psutil.Process]) -> Path:
    profile = next(word for word in family[0].cmdline() if word.startswith("--user-data-dir="))
    return Path(profile.partition("=")[2]).parent


def exists(path: Path) -> bool:
    return path.exists()


def in_a_sandbox(process: Path) -> bool:
    """Processes, network and users of its own, and a filter on what it may ask of the kernel."""
    apart = all((process / "ns" / name).readlink() != Path("/proc/self/ns", name).readlink() for name in SPACES)
    return apart and "Seccomp:\t2\n" in (process / "status").read_text()


async def test_evidence_is_a_picture_the_page_and_its_heading(tmp_path: Path) -> None:
    async with Browser(tmp_path) as browser:
        await browser.page.goto(PAGE)
        evidence = await browser.evidence("refused")
    assert evidence.heading == "Check your meeting code"
    assert evidence.screenshot is not None and evidence.screenshot.read_bytes().startswith(b"\x89PNG")
    assert evidence.html is not None and "<p>no" in evidence.html.read_text()


async def test_video_is_painted_for_evidence_alone(tmp_path: Path) -> None:
    async with Browser(tmp_path, width=320, height=240) as browser:
        await browser.page.goto(VIDEO)
        await browser.page.wait_for_function("document.querySelector('video').videoWidth > 0")
        await browser.page.screenshot(path=tmp_path / "otherwise.png")
        evidence = await browser.evidence("removed")
        await browser.page.screenshot(path=tmp_path / "after.png")
    assert evidence.screenshot is not None
    assert reddest(evidence.screenshot) > 200
    assert reddest(tmp_path / "otherwise.png") < 30
    assert reddest(tmp_path / "after.png") < 30


async def test_a_frame_that_does_not_answer_costs_evidence_little_time(tmp_path: Path) -> None:
    async with Browser(tmp_path) as browser:
        await browser.page.goto(DEAF)
        async with asyncio.timeout(2 * EVIDENCE_S):
            evidence = await browser.evidence("ended")
    assert evidence.heading == "Meeting ended" and not evidence.left_out


async def test_no_process_and_no_profile_is_left(tmp_path: Path) -> None:
    async with Browser(tmp_path) as browser:
        await browser.page.goto(PAGE)
        family = browser.processes()
        home = home_of(family)
        assert len(family) > 2 and exists(home)
    assert not alive(family) and not exists(home)
    with pytest.raises(BrowserDied):
        _ = browser.page


@pytest.mark.skipif(os.geteuid() == 0, reason="Chromium refuses its sandbox to root")
async def test_an_ordinary_users_browser_keeps_its_pages_in_a_sandbox(tmp_path: Path) -> None:
    async with Browser(tmp_path) as browser:
        await browser.page.goto(PAGE)
        family = browser.processes()
        assert not [one for one in family if "--no-sandbox" in one.cmdline()]
        pages = [Path("/proc") / str(one.pid) for one in family if "--type=renderer" in one.cmdline()]
        assert pages and all(in_a_sandbox(page) for page in pages)


async def test_a_profile_that_is_signed_in_is_taken_as_a_copy(tmp_path: Path) -> None:
    signed_in = {"name": "account", "value": "bot", "domain": "meet.example", "path": "/", "expires": 4e9}
    async with Browser(tmp_path) as browser:
        await browser.context.add_cookies([signed_in])
        profile = home_of(browser.processes()) / "profile"
        await browser.context.close()
        shutil.copytree(profile, tmp_path / "profile", ignore=shutil.ignore_patterns("Singleton*"))
    async with Browser(tmp_path, profile=tmp_path / "profile") as browser:
        assert [one["value"] for one in await browser.context.cookies("http://meet.example")] == ["bot"]
    assert exists(tmp_path / "profile" / "Default"), "the profile itself stays"


async def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceFailed, match="nobody"):
        async with Browser(tmp_path, profile=tmp_path / "nobody"):
            pass


async def test_a_browser_that_was_killed_is_told(tmp_path: Path) -> None:
    async with Browser(tmp_path) as browser:
        browser.processes()[0].kill()
        await until(browser.died.is_set)
        with pytest.raises(BrowserDied):
            _ = browser.page


def driver() -> psutil.Process:
    return next(one for one in psutil.Process().children() if "run-driver" in one.cmdline())


async def test_the_death_of_the_program_that_drives_it_is_told_as_the_browsers(tmp_path: Path) -> None:
    async with Browser(tmp_path) as browser:
        family = browser.processes()
        driver().kill()
        with pytest.raises(BrowserDied), browser.driven():
            await browser.page.goto(PAGE)
        assert browser.died.is_set()
    assert not alive(family)


async def test_a_driver_that_is_killed_has_nothing_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    async with Browser(tmp_path / "evidence"):
        driver().kill()
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(not shutil.which("Xvfb"), reason="no Xvfb is installed")
async def test_a_headed_browser_gets_a_display_of_its_own(tmp_path: Path) -> None:
    async with Browser(tmp_path, headless=False) as browser:
        assert "Headless" not in await browser.page.evaluate("navigator.userAgent")


async def test_a_browser_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceFailed, match="did not start"):
        async with Browser(tmp_path, chromium=str(tmp_path / "no-such-browser")):
            pass


def test_a_snap_is_told_from_a_program(tmp_path: Path) -> None:
    programs = {"elf": b"\x7fELF /snap/", "wrapper": b"#!/bin/sh\nexec /snap/bin/chromium\n", "script": b"#!/bin/sh\n"}
    for name, content in programs.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "snap").touch()
    (tmp_path / "link").symlink_to(tmp_path / "snap")
    assert [name for name in (*programs, "link") if is_snap(tmp_path / name)] == ["wrapper", "link"]
