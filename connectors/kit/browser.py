"""One Chromium for one bot: fresh profile, own sound, one page, no process left behind. Knows no platform.

    async with Browser(folder, sound=sound) as browser:
        await browser.page.goto(url)

Headless is Chromium's own new headless mode, in which video is received but painted for evidence alone: painting it
for nobody costs a tenth of a core. Headed needs a display, and gets a private Xvfb when none is given.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from connectors.base import BrowserDied, ConnectorError, DeviceFailed, Evidence
from connectors.kit.display import Display
from connectors.kit.folders import make_folder
from connectors.kit.processes import PATH, clean_environment, end_processes
from connectors.kit.sound import SoundServer
from connectors.kit.words import plain, whole

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page

START_S = 30.0
CLOSE_S = 5.0
EVIDENCE_S = 5.0
PAINT_S = 1.0  # a frame on its way to another page has no script that answers
HEADING_LIMIT = 300
ERROR_LIMIT = 1000
SCRIPT_BYTES = 8192  # of a program that is a script: what it starts is named in them
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS = (
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",  # grants camera and microphone without a question; devices stay real
    "--allow-loopback-in-peer-connection",
    "--disable-gpu",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-features=WebRtcHideLocalIpsWithMdns,GlobalMediaControls,Translate",
    # Sound for 20 ms at a time: with Chromium's 10 a loaded machine runs it dry several times a second, and each gap
    # stretches what is heard after it.
    "--audio-buffer-size=960",
    "--lang=en-US",  # texts and labels of the platforms are known in English
    "--no-first-run",
    "--noerrdialogs",
)


def trusting(origins: Sequence[str]) -> tuple[str, ...]:
    """The flags by which pages of these origins are given camera and microphone though they come without TLS."""
    return (f"--unsafely-treat-insecure-origin-as-secure={','.join(origins)}",) if origins else ()


class Browser:
    """A persistent context with one page. `folder` keeps evidence; `flags` and `environment` are added to ours.
    `profile`: a folder with a profile that is signed in somewhere; the browser has a copy, so several can."""

    def __init__(
        self,
        folder: Path,
        *,
        sound: SoundServer | None = None,
        headless: bool = True,
        chromium: str = "",
        profile: Path | None = None,
        flags: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        width: int = 1280,
        height: int = 720,
    ) -> None:
        self._folder = folder
        self._home = Path()  # short, for Chromium keeps a unix socket in it; made when entered
        self._sound, self._headless, self._program = sound, headless, chromium
        self._profile = profile
        self._flags, self._environment = tuple(flags), environment or {}
        self._size = (width, height)
        self._stack = AsyncExitStack()
        self._context: BrowserContext | None = None
        self._page: Page | None = None
        self.died = asyncio.Event()

    @property
    def page(self) -> Page:
        """Raises BrowserDied."""
        if self._page is None or self.died.is_set():
            raise BrowserDied()
        return self._page

    @property
    def context(self) -> BrowserContext:
        """Raises BrowserDied."""
        if self._context is None or self.died.is_set():
            raise BrowserDied()
        return self._context

    async def __aenter__(self) -> Self:
        """Raises DeviceFailed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        async with AsyncExitStack() as stack:
            self._home = make_folder("browser")
            stack.push_async_callback(asyncio.to_thread, shutil.rmtree, self._home, ignore_errors=True)
            if self._profile is not None:
                await asyncio.to_thread(_copy_profile, self._profile, self._home / "profile")
            if not self._headless:
                display = await stack.enter_async_context(Display(self._home))
                self._environment = {"DISPLAY": display.name, **self._environment}
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.died.set()
        await self._stack.aclose()

    def processes(self) -> list[psutil.Process]:
        """Every process of this browser."""
        return _family(self._home / "profile")

    @contextmanager
    def driven(self) -> Iterator[None]:
        """What is done inside tells as BrowserDied that the browser, its page or the program that drives it is gone.
        What was decided before stays what it is."""
        try:
            yield
        except ConnectorError:
            raise
        except Exception as error:
            if self.is_gone(error):
                raise BrowserDied() from error
            raise

    def is_gone(self, error: Exception) -> bool:
        """Whether this error means that. Playwright raises Exception itself when its driver ends; nobody else does."""
        if type(error) is Exception or type(error).__name__ == "TargetClosedError":
            self.died.set()
        return self.died.is_set()

    async def evidence(self, name: str, rule: str = "", *, clean: Callable[[str], str] = lambda text: text) -> Evidence:
        """What is on the screen: a screenshot, the HTML and the first heading, in the browser's folder. What cannot
        be had in time, or written, is left out and said to be, and so is what `clean` takes out of its texts. Raises
        nothing, not even for a browser that is gone: what was decided is not lost for want of its evidence."""
        screenshot, html = self._folder / f"{name}.png", self._folder / f"{name}.html"
        page = self._page
        if page is None or self.died.is_set():
            return Evidence(url="", rule=rule, left_out=("picture", "page", "heading"))
        await self._paint_video(page, painted=True)
        took = await asyncio.gather(
            asyncio.wait_for(page.screenshot(path=screenshot), EVIDENCE_S),
            asyncio.wait_for(page.content(), EVIDENCE_S),
            asyncio.wait_for(page.evaluate(_HEADING_JS), EVIDENCE_S),
            return_exceptions=True,
        )
        await self._paint_video(page, painted=False)
        text = clean(whole(took[1])) if isinstance(took[1], str) else None
        heading = clean(plain(took[2])) if isinstance(took[2], str) else None
        kept = {
            "picture": None if isinstance(took[0], BaseException) else screenshot,
            "page": None if text is None else await asyncio.to_thread(_written, html, text),
            "heading": heading,
        }
        return Evidence(
            url=clean(plain(page.url)),
            rule=rule,
            heading=(heading or "")[:HEADING_LIMIT],
            screenshot=screenshot if kept["picture"] else None,
            html=html if kept["page"] else None,
            left_out=tuple(part for part, one in kept.items() if one is None),
        )

    async def _paint_video(self, page: Page, *, painted: bool) -> None:
        """In every frame of the page; a frame that does not answer stays as it is."""
        if self._headless:
            asked = [asyncio.wait_for(frame.evaluate(_PAINT_JS, painted), PAINT_S) for frame in page.frames]
            await asyncio.gather(*asked, return_exceptions=True)

    async def _start(self, stack: AsyncExitStack) -> None:
        from playwright.async_api import Error, async_playwright

        try:
            playwright = await stack.enter_async_context(async_playwright())
        except Exception as error:  # Playwright raises this class itself when its own program does not start
            raise DeviceFailed("the program that drives the browser did not start; see `understudy doctor`") from error
        stack.push_async_callback(self._end_family)
        headless = ("--headless=new",) if self._headless else ()
        sandboxed = os.geteuid() != 0  # Chromium refuses its sandbox to root
        sound = self._sound.environment() if self._sound is not None else {}
        with self.driven():
            try:
                self._context = await playwright.chromium.launch_persistent_context(
                    self._home / "profile",
                    artifacts_dir=self._home / "artifacts",  # Playwright's own folder outlives a killed driver
                    executable_path=find_chromium(self._program),
                    headless=False,  # Playwright's own headless mode is another browser; the flag below is Chromium's
                    args=[*FLAGS, *headless, *self._flags],
                    chromium_sandbox=sandboxed,
                    env={**clean_environment(self._home), **sound, **self._environment},
                    ignore_default_args=["--mute-audio", "--hide-scrollbars"],
                    viewport={"width": self._size[0], "height": self._size[1]},
                    bypass_csp=True,  # our page parts talk to this process on the loopback interface
                    locale="en-US",
                    timeout=START_S * 1000,
                )
            except Error as error:
                raise DeviceFailed(f"the browser did not start: {error.message[:ERROR_LIMIT]}") from error
        if self._headless:
            await self._context.add_init_script(script=_UNPAINTED_JS)
        self._context.on("close", lambda _: self.died.set())
        self._page = self._context.pages[0] if self._context.pages else await self._context.new_page()
        self._page.on("crash", lambda _: self.died.set())
        stack.push_async_callback(self._close)

    async def _close(self) -> None:
        assert self._context is not None
        with suppress(TimeoutError, BrowserDied), self.driven():  # its processes are ended next
            async with asyncio.timeout(CLOSE_S):
                await self._context.close()

    async def _end_family(self) -> None:
        await end_processes(await asyncio.to_thread(self.processes))


def find_chromium(program: str = "") -> str:
    """Where this program is, a path or a name; the first one installed when none is named. A snap cannot see a bot's
    private folders and is passed over. Raises DeviceFailed."""
    if program:
        found = shutil.which(program)
        if found is None:
            raise DeviceFailed(f"the browser did not start: {program} is no program here")
        return found
    for name in PROGRAMS:
        found = shutil.which(name, path=PATH)
        if found and not is_snap(Path(found)):
            return found
    raise DeviceFailed("no Chromium is installed; `understudy doctor` says how to get it")


def is_snap(program: Path) -> bool:
    """A link into a snap, or a script that starts one."""
    with suppress(OSError), program.open("rb") as file:
        begins = file.read(SCRIPT_BYTES)
        return "/snap" in str(program.resolve()) or (begins.startswith(b"#!") and b"/snap/" in begins)
    return False


def _written(path: Path, text: str) -> Path | None:
    """None where there is no room for it, or no place: a page that is cut off would be none."""
    try:
        path.write_text(text, "utf-8")
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    return path


def _copy_profile(profile: Path, to: Path) -> None:
    """Raises DeviceFailed."""
    try:  # who holds a profile open is written in links beside it
        shutil.copytree(profile, to, ignore=shutil.ignore_patterns("Singleton*"))
    except OSError as error:
        raise DeviceFailed(f"the browser's profile cannot be copied: {profile}") from error


def _family(profile: Path) -> list[psutil.Process]:
    """The browser that runs on this profile, and all its descendants."""
    marker = f"--user-data-dir={profile}"
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if marker in process.cmdline():
                for one in (process, *process.children(recursive=True)):
                    found[one.pid] = one
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return list(found.values())


_UNPAINTED_JS = """(() => {
  const style = document.createElement("style");
  style.textContent = "video { visibility: hidden !important; }";
  window.understudyPaint = (painted) => { if (style.sheet) style.sheet.disabled = painted; };
  const add = () => document.documentElement.append(style);
  if (document.documentElement) add();
  else document.addEventListener("readystatechange", add, { once: true });
})()"""
_PAINT_JS = "(painted) => window.understudyPaint?.(painted)"

_HEADING_JS = """() => {
  const seen = [...document.querySelectorAll("h1, h2, [role=heading], [role=alert]")].find((one) => one.offsetParent);
  return (seen ? seen.textContent : document.body.innerText.split("\\n")[0] || "").trim();
}"""
