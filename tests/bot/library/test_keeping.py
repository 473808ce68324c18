"""What no character has any more is gone from the disk, and what one has never is: also when a change breaks off."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from bot.assets import camera_picture, keep_image
from bot.library import ALL_SHIPPED, keeping
from bot.library.keeping import ShippedCharacter
from bot.library.portraits import Portrait, PortraitUnavailable
from bot.meeting.parts import assets_of, own_copy
from bot.scheduling.retention import Retention
from bot.store import characters
from bot.store.characters import Character, CharacterExists, NewCharacter, UnknownCharacter
from tests.bot.clocks import HandClock
from tests.bot.stores import NOW, Seeded

PNG = b"\x89PNG\r\n\x1a\n"
KEY = "0123456789abcdef" * 2


async def made(store: Seeded, home: Path, name: str, content: bytes = PNG) -> Character:
    async with keeping.changing(store.database, home) as change:
        image = str(keep_image(home, content))
        change.touches(image)
        async with store.database.write() as session:
            new = NewCharacter(name=name, image_path=image, likeness="fictional")
            return await characters.create(session, workspace_id=store.workspace.id, new=new)


async def deleted(store: Seeded, home: Path, character: Character) -> int:
    _, left = await keeping.delete(store.database, home, character.id, workspace_id=character.workspace_id, now=NOW)
    return left


def names(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "characters").iterdir())


def notes(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "replaced").iterdir() if path.name != ".lock")


async def test_a_deleted_characters_picture_goes_with_the_last_that_has_it(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    ann, ben = [await made(sqlite_store, tmp_path, name) for name in ("Ann", "Ben")]
    assert ann.image_path == ben.image_path
    assert await deleted(sqlite_store, tmp_path, ann) == 0
    assert names(tmp_path) == [Path(ben.image_path).name] and notes(tmp_path) == []
    assert await deleted(sqlite_store, tmp_path, ben) == 0
    assert names(tmp_path) == [] and notes(tmp_path) == []


async def test_a_portraits_whole_folder_goes_and_what_its_bots_cameras_showed(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    folder = tmp_path / "characters" / KEY
    (folder / "record").mkdir(parents=True)
    for name in ("portrait.png", "original.png", "record/matte.png"):
        (folder / name).write_bytes(PNG)
    character = sqlite_store.character
    place = {"image_path": str(folder / "portrait.png"), "record_path": str(folder / "record")}
    bot = await sqlite_store.bot()
    shown = camera_picture(tmp_path, bot.id)
    shown.parent.mkdir(parents=True)
    shown.write_bytes(PNG)
    async with sqlite_store.database.write() as session:
        await characters.set_portrait(session, character.id, workspace_id=character.workspace_id, **place)
        await session.execute(characters.tables.bots.update().values(state="ended"))
    assert await deleted(sqlite_store, tmp_path, character) == 0
    assert names(tmp_path) == [] and not shown.exists()


async def test_a_picture_of_a_character_that_could_not_be_made_is_not_kept(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    with pytest.raises(CharacterExists):
        await made(sqlite_store, tmp_path, "Iris")
    assert names(tmp_path) == [] and notes(tmp_path) == []


async def test_what_a_change_left_that_broke_off_goes_later_and_nothing_that_is_had(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    ann = await made(sqlite_store, tmp_path, "Ann")
    left = keep_image(tmp_path, PNG + b"left")
    keeping.Change(tmp_path).touches(str(left), ann.image_path)  # and the process died
    await keeping.sweep(sqlite_store.database, tmp_path)
    assert names(tmp_path) == [Path(ann.image_path).name], "what nobody has goes"
    assert notes(tmp_path) == names(tmp_path), "another's change may still be on its way"
    long_ago = time.time() - keeping.NOTE_HOLDS_S - 1
    os.utime(tmp_path / "replaced" / Path(ann.image_path).name, (long_ago, long_ago))
    await keeping.sweep(sqlite_store.database, tmp_path)
    assert notes(tmp_path) == [] and names(tmp_path) == [Path(ann.image_path).name]


async def test_nothing_is_removed_while_a_change_is_under_way(sqlite_store: Seeded, tmp_path: Path) -> None:
    """The picture lies there before its character does: who removes then would take it from it."""
    ann = await made(sqlite_store, tmp_path, "Ann")
    async with keeping.changing(sqlite_store.database, tmp_path) as change:
        image = str(keep_image(tmp_path, PNG))  # the one Ann has; it is not written a second time
        change.touches(image)
        deleting = asyncio.create_task(deleted(sqlite_store, tmp_path, ann))
        async with sqlite_store.database.write() as session:
            new = NewCharacter(name="Ben", image_path=image, likeness="fictional")
            await characters.create(session, workspace_id=ann.workspace_id, new=new)
        assert names(tmp_path) == [Path(image).name]
    assert await deleting == 0
    assert names(tmp_path) == [Path(image).name]


async def test_a_file_that_cannot_be_removed_is_told_and_goes_another_time(
    sqlite_store: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await made(sqlite_store, tmp_path, "Ann")

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(keeping.Path, "unlink", refuse)
        assert await deleted(sqlite_store, tmp_path, ann) == 1
    assert names(tmp_path) != []
    await keeping.sweep(sqlite_store.database, tmp_path)
    assert names(tmp_path) == [] and notes(tmp_path) == []


@pytest.mark.parametrize("folder", ALL_SHIPPED, ids=lambda folder: folder.name)
async def test_what_we_ship_is_not_deleted(sqlite_store: Seeded, tmp_path: Path, folder: Path) -> None:
    ours: dict[str, str] = {"image_path": str(folder / "portrait.png"), "record_path": str(folder / "record")}
    one = sqlite_store.character
    async with sqlite_store.database.write() as session:
        await characters.set_portrait(session, one.id, workspace_id=one.workspace_id, **ours)
    with pytest.raises(ShippedCharacter):
        await deleted(sqlite_store, tmp_path, one)
    assert "  " not in str(ShippedCharacter()) and "\n" not in str(ShippedCharacter()), "it is said in a line"
    with pytest.raises(ShippedCharacter):  # with the next update the face would be gone, and its files nobody's
        await given(sqlite_store, tmp_path, one, portrait(tmp_path, KEY))
    assert names(tmp_path) == []


def test_only_what_is_named_by_its_content_and_lies_among_characters_is_ours(tmp_path: Path) -> None:
    home, key = tmp_path / "home", f"{KEY}{KEY}"
    foreign = ("/etc/passwd", str(home), f"{home}/characters", f"{home}/characters/../{key}", f"{home}/{key}.png")
    foreign = (*foreign, f"{home}/characters/..", f"{home}/characters/notes.png", str(ALL_SHIPPED[0] / "portrait.png"))
    assert keeping.places_of(home, None, "", *foreign) == set()
    mine = (f"{home}/characters/{key}.png", f"{home}/characters/{KEY}/record", f"{home}/characters/{KEY}/portrait.png")
    assert keeping.places_of(home, *mine) == {home / "characters" / f"{key}.png", home / "characters" / KEY}


def portrait(home: Path, key: str) -> Portrait:
    folder = home / "characters" / key
    (folder / "record").mkdir(parents=True)
    (folder / "portrait.png").write_bytes(PNG)
    (folder / "record" / "record.json").write_text("{}")
    return Portrait(image=folder / "portrait.png", record=folder / "record", style="photo", findings=())


async def given(store: Seeded, home: Path, character: Character, made: Portrait) -> Character:
    return await keeping.give_portrait(
        store.database, home, character.id, workspace_id=character.workspace_id, made=made
    )


async def test_a_portrait_that_is_replaced_goes_with_its_folder(sqlite_store: Seeded, tmp_path: Path) -> None:
    ann = await made(sqlite_store, tmp_path, "Ann")
    for key in (KEY, KEY[::-1]):
        ann = await given(sqlite_store, tmp_path, ann, portrait(tmp_path, key))
        assert names(tmp_path) == [key] and notes(tmp_path) == []
    assert ann.record_path == str(tmp_path / "characters" / KEY[::-1] / "record")
    again = Portrait(image=Path(ann.image_path), record=Path(ann.record_path), style="photo", findings=())
    await given(sqlite_store, tmp_path, ann, again)
    assert names(tmp_path) == [KEY[::-1]], "the same portrait again is the one it has"


async def test_a_portrait_of_a_character_that_was_deleted_meanwhile_is_not_kept(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    ann = await made(sqlite_store, tmp_path, "Ann")
    fresh = portrait(tmp_path, KEY)
    await deleted(sqlite_store, tmp_path, ann)
    with pytest.raises(UnknownCharacter):
        await given(sqlite_store, tmp_path, ann, fresh)
    assert names(tmp_path) == []


async def test_a_portrait_that_went_with_anothers_is_given_to_nobody(sqlite_store: Seeded, tmp_path: Path) -> None:
    ann, ben = [await made(sqlite_store, tmp_path, name, PNG + name.encode()) for name in ("Ann", "Ben")]
    fresh = portrait(tmp_path, KEY)
    await given(sqlite_store, tmp_path, ann, fresh)
    await deleted(sqlite_store, tmp_path, ann)
    with pytest.raises(PortraitUnavailable):
        await given(sqlite_store, tmp_path, ben, fresh)
    assert names(tmp_path) == [Path(ben.image_path).name], "it keeps the picture it has"


async def test_retention_takes_what_a_change_left(sqlite_store: Seeded, tmp_path: Path) -> None:
    left = portrait(tmp_path, KEY)
    keeping.Change(tmp_path).touches(str(left.image))
    await Retention(sqlite_store.database, home=tmp_path, default_days=0, clock=HandClock()).step()
    assert names(tmp_path) == [] and notes(tmp_path) == []


async def test_a_bot_has_files_of_its_own_whatever_becomes_of_its_character(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    workdir = tmp_path / "work"
    workdir.mkdir()
    ann = await given(sqlite_store, tmp_path, sqlite_store.character, portrait(tmp_path, KEY))
    own = own_copy(ann, workdir)
    assert own is not None and (own.id, own.consent_expires_at) == (ann.id, ann.consent_expires_at)
    await given(sqlite_store, tmp_path, ann, portrait(tmp_path, KEY[::-1]))
    assets = assets_of(own)
    assert assets.image.read_bytes() == PNG and assets.record is not None
    assert (assets.record / "record.json").read_text() == "{}"
    assert own_copy(ann, workdir) is None, "they are gone: the row is read again"
