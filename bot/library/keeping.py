"""Files of characters in this installation's home: there while a character has them, gone when none has any more.

A picture lies under the hash of its content, so that several characters, also of several workspaces, may have the same.
Whoever gives a character files, or takes some from it, does so within `changing`: what it names is looked up when the
change is done, and removed where no character has it. It is noted first, so that what a crash leaves goes with a later
change, or with `sweep`. Running bots need none of these files: each has a copy of its own.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.assets import camera_picture
from bot.errors import BotError, Conflict
from bot.library import is_shipped
from bot.log import get_log
from bot.store import characters, occurrences
from bot.store.characters import Character
from bot.store.session import Database

if TYPE_CHECKING:
    from bot.library.portraits import Portrait

log = get_log(__name__)

NOTE_HOLDS_S = 3600.0  # a change that was noted longer ago has been made or given up
_LOCK = ".lock"
_OURS = re.compile(r"[0-9a-f]{32,64}(\.png|\.jpg)?")  # names by content, of a picture or a portrait's folder
TO_DO = "see that this user may remove it; it is tried again with retention's next step"


class ShippedCharacter(Conflict):
    """This character comes with Understudy and is brought back with every update, so it is not deleted and given no
    other face, which a character of another name can have; nor is its consent changed: nobody's face needs none."""

    code = "shipped_character"


class Change:
    """What a change is about; see `changing`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.touched: set[Path] = set()
        self.stay: list[Path] = []  # once it is over: what should be gone and is not

    def touches(self, *paths: str | None) -> None:
        """Before it is committed: these files come to a character, or leave one."""
        places = places_of(self._home, *paths)
        for place in places:
            note = _notes(self._home) / place.name
            note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            note.touch(mode=0o600)
        self.touched |= places


@asynccontextmanager
async def changing(database: Database, home: Path) -> AsyncIterator[Change]:
    """Around a change of which character has which files, and short: until it is over nothing is removed."""
    change = Change(home)
    try:
        async with _held(home, alone=False):
            yield change
    finally:
        if change.touched:
            change.stay = await _swept(database, home, change.touched)


async def sweep(database: Database, home: Path) -> None:
    """What changes have left that broke off, or could not remove."""
    if await asyncio.to_thread(_noted, home):
        await _swept(database, home, set())


async def delete(
    database: Database, home: Path, character_id: str, *, workspace_id: str, now: datetime
) -> tuple[Character, int]:
    """Row, knowledge, consent, files, and what cameras of its past bots showed last. Returns it as it was, and how many
    files could not be removed yet. Raises UnknownCharacter, CharacterInUse, ShippedCharacter."""
    async with changing(database, home) as change, database.write() as session:
        refuse_shipped(await characters.get(session, character_id, workspace_id=workspace_id))
        gone = await characters.delete(session, character_id, workspace_id=workspace_id, now=now)
        bot_ids = await characters.bots_of(session, character_id)
        change.touches(gone.image_path, gone.record_path)
    shown = {camera_picture(home, bot_id) for bot_id in bot_ids}
    left = [place for place in shown if not await asyncio.to_thread(_removed, place)]
    return gone, len(change.stay) + len(left)


async def give_portrait(
    database: Database, home: Path, character_id: str, *, workspace_id: str, made: Portrait
) -> Character:
    """In place of the picture it had, which goes where nobody else has it. Raises UnknownCharacter, ShippedCharacter,
    and PortraitUnavailable where the portrait was removed before it was anybody's."""
    async with changing(database, home) as change:
        change.touches(str(made.image), str(made.record))
        await still_there(made)
        async with database.write() as session:
            await occurrences.lock_workspace(session, workspace_id)  # what it had is what nobody replaces meanwhile
            had = await characters.get(session, character_id, workspace_id=workspace_id)
            refuse_shipped(had)
            change.touches(had.image_path, had.record_path)
            place = {"image_path": str(made.image), "record_path": str(made.record)}
            return await characters.set_portrait(session, character_id, workspace_id=workspace_id, **place)


async def still_there(made: Portrait) -> None:
    """Within a change: another one may have removed the same picture's portrait since it was made. Raises
    PortraitUnavailable."""
    if not (await asyncio.to_thread(made.image.is_file) and await asyncio.to_thread(made.record.is_dir)):
        from bot.library.portraits import PortraitUnavailable  # not before: with it come arrays, which few need here

        raise PortraitUnavailable("The portrait was removed with another character's; import the picture again.")


def refuse_shipped(character: Character | None) -> None:
    """Raises ShippedCharacter."""
    if character is not None and is_shipped(character.image_path):
        raise ShippedCharacter(character_id=character.id)


def places_of(home: Path, *paths: str | None) -> set[Path]:
    """The files, or whole folders, in `home` that these lie in. What lies elsewhere, as what we ship, is not ours to
    remove."""
    root = (home / "characters").absolute()
    inner = [Path(path).absolute() for path in paths if path]
    names = {path.relative_to(root).parts[0] for path in inner if path != root and path.is_relative_to(root)}
    return {root / name for name in names if _OURS.fullmatch(name)}


async def _swept(database: Database, home: Path, mine: set[Path]) -> list[Path]:
    """`mine`, and what is noted of others. Returns what should be gone and is not."""
    stay: list[Path] = []
    try:
        async with _held(home, alone=True):
            for place in await asyncio.to_thread(_noted, home):
                async with database.read() as session:
                    had = await characters.has_picture(session, place.name)
                if not await asyncio.to_thread(_settled, home, place, had=had, mine=place in mine):
                    stay.append(place)
    except (BotError, OSError) as error:  # the notes stay, and what is left goes another time
        log.error("what no character has any more could not be looked for", error=type(error).__name__)
        return [*mine]
    return stay


def _settled(home: Path, place: Path, *, had: bool, mine: bool) -> bool:
    note = _notes(home) / place.name
    if had:
        with suppress(FileNotFoundError):
            if mine or time.time() - note.stat().st_mtime > NOTE_HOLDS_S:
                note.unlink()
        return True
    if not _removed(place):
        return False
    note.unlink(missing_ok=True)
    return True


def _removed(place: Path) -> bool:
    try:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        log.error("a character's file cannot be removed", file=str(error.filename or place), why=why, to_do=TO_DO)
        return False
    return True


def _notes(home: Path) -> Path:
    return home / "replaced"


def _noted(home: Path) -> list[Path]:
    """The places that are noted."""
    root = (home / "characters").absolute()
    with suppress(FileNotFoundError):
        return [root / note.name for note in sorted(_notes(home).iterdir()) if _OURS.fullmatch(note.name)]
    return []


@asynccontextmanager
async def _held(home: Path, *, alone: bool) -> AsyncIterator[None]:
    """The lock of the installation's pictures, over all its processes: many change, one removes."""
    folder = _notes(home)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(file)
