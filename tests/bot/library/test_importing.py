"""A character's folder becomes a character, and stays the same one when it changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.library.importing import ensure_character, read_character
from bot.store import knowledge
from bot.store.characters import BadCharacter

TOML = """
name = "Milo"
aliases = ["Mylo"]
persona = "Kind."
greeting = "Hello."
voice = "espeak:en"
language = "en"
likeness = "fictional"
image = "portrait.png"
record = "record"
"""


def split(name, text):
    return [(name, paragraph) for paragraph in text.split("\n\n")]


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "milo"
    for part in ("knowledge", "record"):
        (home / part).mkdir(parents=True)
    (home / "character.toml").write_text(TOML)
    (home / "portrait.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (home / "knowledge" / "tea.md").write_text("Green tea.\n\nBlack tea.")
    (home / "knowledge" / "picture.png").write_bytes(b"")
    return home


async def ensure(store, folder):
    async with store.database.write() as session:
        character = await ensure_character(session, folder, workspace_id=store.workspace.id, split=split)
        return character, await knowledge.passages(session, character.knowledge_base_id)


async def test_all_a_folder_says_is_kept(store, folder):
    character, passages = await ensure(store, folder)
    assert (character.name, character.slug, list(character.aliases)) == ("Milo", "milo", ["Mylo"])
    assert (character.image_path, character.record_path) == (str(folder / "portrait.png"), str(folder / "record"))
    assert character.settings == {"language": "en"}
    assert [passage.text for passage in passages] == ["Green tea.", "Black tea."]


async def test_a_changed_folder_changes_the_character_and_keeps_its_id(store, folder):
    before, _ = await ensure(store, folder)
    (folder / "character.toml").write_text(TOML.replace("Kind.", "Brief."))
    (folder / "knowledge" / "tea.md").write_text("White tea.")
    after, passages = await ensure(store, folder)
    assert (after.id, after.persona) == (before.id, "Brief.")
    assert [passage.text for passage in passages] == ["White tea."]


END = datetime(2030, 12, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "end"), [("2030-12-31", END.replace(hour=23)), ("2030-12-31T13:00:00+01:00", END)], ids=str
)
def test_a_consent_ends_when_the_folder_says(folder, told, end):
    (folder / "character.toml").write_text(f'{TOML}consent_proof = "a letter"\nconsent_expires_at = {told}\n')
    new, _ = read_character(folder)
    assert new.consent_expires_at.replace(minute=0, second=0, microsecond=0) == end
    assert new.consent_proof == "a letter" and new.settings == {"language": "en"}


@pytest.mark.parametrize("told", ['"next year"', "2030-12-31T13:00:00", "2030"])
def test_an_end_that_cannot_be_read_is_not_taken_for_none(folder, told):
    (folder / "character.toml").write_text(f"{TOML}consent_expires_at = {told}\n")
    with pytest.raises(BadCharacter, match="consent_expires_at"):
        read_character(folder)


def test_a_folder_that_does_not_say_whose_face_it_is_is_no_character(folder):
    (folder / "character.toml").write_text(TOML.replace('likeness = "fictional"', ""))
    with pytest.raises(BadCharacter, match="lacks likeness, whose face it is: `fictional`: nobody's"):
        read_character(folder)


@pytest.mark.parametrize("broken", ["portrait.png", "character.toml"])
async def test_a_folder_with_a_part_missing_is_a_typed_error(sqlite_store, folder, broken):
    (folder / broken).unlink()
    with pytest.raises(BadCharacter):
        await ensure(sqlite_store, folder)
