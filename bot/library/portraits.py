"""A user's picture made ready for the portrait engine, and looked at before use. Knows no database.

The engine's import does the work, in a process of its own; here its answers become the product's own, and its folders
get their place.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import sys
import tempfile
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bot.config import environment_without_settings
from bot.errors import BadInput, BotError, Unavailable
from bot.voice.base import SpokenClause
from engine.api import BadCharacter, ConsentMissing, EngineError, Phoneme, SpeechTiming

STYLES = ("photo", "drawing", "object")
IMPORT_TIMEOUT_S = 900.0  # with the environment made first, on a slow line
SHEET_TIMEOUT_S = 120.0  # the first one compiles what paints
END_TIMEOUT_S = 10.0
_ROOT = Path(__file__).resolve().parents[2]


class PictureRefused(BadInput):
    """This picture cannot become a character, or not be shown; the message says why and what to do."""

    code = "picture_refused"


class PortraitUnavailable(Unavailable):
    """What makes or shows portraits does not work here now; the message says why."""

    code, detail_is_ours = "portrait_unavailable", True


@dataclass(frozen=True, kw_only=True, slots=True)
class Portrait:
    image: Path
    record: Path
    style: str
    findings: tuple[tuple[str, str], ...]  # code, and what is wrong and what to do


async def prepare_portrait(home: Path, content: bytes, *, points: str | None, style: str | None) -> Portrait:
    """Analyse a picture into `home`: the same picture and points go to the same folder. Some seconds; minutes when
    the environment that finds faces is made first. Raises PictureRefused, PortraitUnavailable."""
    key = hashlib.sha256(b"\0".join((content, (points or "").encode(), (style or "").encode()))).hexdigest()[:32]
    folder = home / "characters" / key
    try:
        with _nameless(content) as picture, _nameless((points or "").encode()) as marks:
            words = [_path(picture), str(folder), str(home / "environments")]
            if points is not None:
                words += ["--points", _path(marks)]
            if style is not None:
                words += ["--style", style]
            answer = await _answer_of(
                "engine.portrait.importing", words, timeout_s=IMPORT_TIMEOUT_S, files=(picture, marks)
            )
    except OSError as error:
        raise PortraitUnavailable(f"the import cannot begin: {error.strerror or error}") from error
    _refuse(answer)
    report = answer["report"]
    return Portrait(
        image=folder / "portrait.png",
        record=folder / "record",
        style=report["style"],
        findings=tuple((finding["code"], finding["text"]) for finding in report["findings"]),
    )


def original_of(image: Path) -> Path:
    """What `image` was made of, where it is an import's: points, and a further import, are of that picture."""
    found = [image.with_name(f"original{suffix}") for suffix in (".png", ".jpg")]
    return next((path for path in found if path.is_file()), image)


async def sheet_of(image: Path, record: Path | None) -> bytes:
    """Every mouth, the lids and the head of a portrait, side by side, as PNG; some seconds. Raises PictureRefused,
    PortraitUnavailable."""
    if record is None:
        raise PictureRefused("This character has no portrait yet; make one of its picture first.")
    try:
        with _nameless() as sheet:
            words = [str(image), str(record), _path(sheet)]
            _refuse(await _answer_of("engine.portrait.preview", words, timeout_s=SHEET_TIMEOUT_S, files=(sheet,)))
            return await asyncio.to_thread(sheet.read)
    except OSError as error:
        raise PortraitUnavailable(f"the sheet cannot be made: {error.strerror or error}") from error


@contextmanager
def _nameless(content: bytes = b"") -> Iterator[IO[bytes]]:
    """A file with a face that is gone with the processes that have it open, however they end."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file


def _path(file: IO[bytes]) -> str:
    """Of an open file, for a process that is given it: opened by this, it is read from its beginning."""
    return f"/dev/fd/{file.fileno()}"


def _refuse(answer: dict[str, Any]) -> None:
    """Raises PictureRefused, PortraitUnavailable."""
    if "error" in answer:
        kind = PictureRefused if answer["bad_picture"] else PortraitUnavailable
        raise kind(answer["error"], reason=answer["code"])


async def _answer_of(
    module: str, words: list[str], *, timeout_s: float, files: tuple[IO[bytes], ...]
) -> dict[str, Any]:
    """The last line of what a process of the engine says, which is given `files`. Raises PortraitUnavailable."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, cwd=_ROOT,
        env=environment_without_settings(), pass_fds=[file.fileno() for file in files],
    )  # fmt: skip
    try:
        async with asyncio.timeout(timeout_s):
            said, _ = await process.communicate()
        answer: dict[str, Any] = json.loads(said.splitlines()[-1])
        return answer
    except TimeoutError as error:
        raise PortraitUnavailable(f"it took longer than {timeout_s:.0f} s") from error
    except (ValueError, IndexError) as error:
        raise PortraitUnavailable(_why_silent(process.returncode)) from error
    finally:
        if process.returncode is None:
            await _ended(process)


def _why_silent(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "its process was killed, as where memory ends; try again, or save the picture with fewer pixels"
    return "its process ended without an answer; try again, and if it stays so, the log says why"


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Asked first: it has processes of its own, and folders half written, that a kill would leave behind."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def told(error: EngineError) -> BotError:
    """The engine's error as the product's, its code and its sentence kept."""
    kind = PictureRefused if isinstance(error, (BadCharacter, ConsentMissing)) else PortraitUnavailable
    return kind(str(error) or (type(error).__doc__ or "").strip(), reason=error.code)


def timing_of(clause: SpokenClause) -> SpeechTiming | None:
    """A clause's phonemes as the engine takes them."""
    if clause.phonemes is None:
        return None
    return SpeechTiming(phonemes=tuple(Phoneme(start=m.start, end=m.end, symbol=m.text) for m in clause.phonemes))


async def clauses_of(said: AsyncIterable[SpokenClause]) -> list[SpokenClause]:
    return [clause async for clause in said]
