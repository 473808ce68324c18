"""Characters: their consent can end and begin anew, and they can be deleted when nothing has them any more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.lifecycle import BotState
from bot.store import bots, calendars, characters, knowledge, tables
from bot.store.characters import (
    BadCharacter,
    Character,
    CharacterExists,
    CharacterInUse,
    NewCharacter,
    NewConsent,
    UnknownCharacter,
)
from tests.bot.stores import NOW, Seeded

LATER = NOW + timedelta(days=365)
REAL: dict[str, Any] = {"likeness": "consented", "consent_proof": "a letter", "consent_expires_at": LATER}
Mine = dict[str, Any]


async def real(store: Seeded, **more: Any) -> tuple[Character, Mine]:
    new = NewCharacter(**{"name": "Ann", "image_path": "/nowhere/ann.png", **REAL, **more})
    async with store.database.write() as session:
        return await characters.create(session, workspace_id=store.workspace.id, new=new), {
            "workspace_id": store.workspace.id,
            "now": NOW,
        }


async def test_a_withdrawn_consent_is_over_and_its_proof_stays_for_what_was(store: Seeded) -> None:
    ann, mine = await real(store)
    assert not ann.consent_is_over(NOW)
    async with store.database.write() as session:
        ended = await characters.withdraw_consent(session, ann.id, **mine)
        again = await characters.withdraw_consent(session, ann.id, **{**mine, "now": LATER})
    assert ended.consent_is_over(NOW) and ended.consent_proof == "a letter"
    assert again.consent_expires_at == NOW, "it ended when it was withdrawn first"


async def test_also_a_face_that_was_said_to_be_nobodys_is_withdrawn(store: Seeded) -> None:
    async with store.database.write() as session:
        mine = {"workspace_id": store.workspace.id, "now": NOW}
        ended = await characters.withdraw_consent(session, store.character.id, **mine)
    assert ended.likeness == "fictional" and ended.consent_is_over(NOW)


async def test_a_consent_is_renewed_with_a_proof_and_an_end_to_come(store: Seeded) -> None:
    ann, mine = await real(store, consent_expires_at=NOW)
    good = NewConsent(consent_proof="a second letter", consent_expires_at=LATER)
    bad = (replace(good, consent_proof=" "), replace(good, consent_expires_at=NOW), replace(good, likeness="mine"))
    async with store.database.write() as session:
        for new in bad:
            with pytest.raises(BadCharacter):
                await characters.renew_consent(session, ann.id, **mine, new=new)
        renewed = await characters.renew_consent(session, ann.id, **mine, new=good)
        corrected = await characters.renew_consent(session, ann.id, **mine, new=NewConsent(likeness="fictional"))
    assert (renewed.likeness, renewed.consent_proof) == ("consented", "a second letter")
    assert renewed.consent_expires_at == LATER and not renewed.consent_is_over(NOW)
    assert (corrected.likeness, corrected.consent_proof, corrected.consent_expires_at) == ("fictional", None, None)


async def test_a_deleted_character_is_nowhere_and_its_past_bots_still_are(store: Seeded) -> None:
    ann, mine = await real(store)
    bot = await store.bot(character_id=ann.id)
    async with store.database.write() as session:
        text = {"name": "tea.md", "media_type": "text/markdown", "passages": [("Tea", "Green tea.")]}
        await knowledge.add_document(session, ann.knowledge_base_id, **text)
        await bots.move(session, bot.id, attempt=0, to=BotState.CANCELLED, at=NOW)
        gone = await characters.delete(session, ann.id, **mine)
        assert gone == ann
        for ask in (lambda: characters.get(session, ann.id), lambda: characters.delete(session, ann.id, **mine)):
            with pytest.raises(UnknownCharacter):
                await ask()
        assert [one.name for one in await characters.list_all(session, workspace_id=store.workspace.id)] == ["Iris"]
        assert await characters.find(session, workspace_id=store.workspace.id, slug="ann") is None
        assert (await bots.get(session, bot.id)).character_id == ann.id
        assert await knowledge.passages(session, ann.knowledge_base_id) == []
        (row,) = await session.execute(tables.characters.select().where(tables.characters.c.id == ann.id))
    kept = " ".join(str(value) for value in row)
    assert not any(word in kept for word in ("Ann", "nowhere", "letter"))
    again, _ = await real(store)
    assert again.id != ann.id, "its name is free"


@pytest.mark.parametrize("state", [BotState.SCHEDULED, BotState.CLAIMED, BotState.STARTING])
async def test_a_character_that_a_bot_has_or_will_have_is_not_deleted(store: Seeded, state: BotState) -> None:
    bot = await store.bot()
    async with store.database.write() as session:
        await session.execute(tables.bots.update().values(state=state))
        with pytest.raises(CharacterInUse) as refused:
            await characters.delete(session, store.character.id, workspace_id=store.workspace.id, now=NOW)
    assert refused.value.fields == {"bot_ids": [bot.id], "calendar_ids": []}


def calendar_of(store: Seeded) -> Mine:
    mine = {"workspace_id": store.workspace.id, "character_id": store.character.id, "now": NOW}
    return mine | {"provider": "ics", "name": "Ann", "sealed_secret": "-", "source_sha256": "-", "rules": {}}


@pytest.mark.parametrize(("state", "refuses"), [("active", True), ("action_required", True), ("leaving", False)])
async def test_a_character_that_a_calendar_sends_is_not_deleted(store: Seeded, state: str, refuses: bool) -> None:
    async with store.database.write() as session:
        made = await calendars.create(session, id=tables.new_id(), **calendar_of(store))
        await session.execute(calendars.calendars.update().values(state=state))
        deleting = characters.delete(session, store.character.id, workspace_id=store.workspace.id, now=NOW)
        if not refuses:
            await deleting
            return
        with pytest.raises(CharacterInUse) as refused:
            await deleting
    assert refused.value.fields == {"bot_ids": [], "calendar_ids": [made.id]}


async def test_a_stranger_changes_nothing(store: Seeded) -> None:
    ann, _ = await real(store)
    theirs: Mine = {"workspace_id": tables.new_id(), "now": NOW}
    async with store.database.write() as session:
        for ask in (
            characters.withdraw_consent(session, ann.id, **theirs),
            characters.renew_consent(session, ann.id, **theirs, new=NewConsent(consent_proof="mine")),
            characters.delete(session, ann.id, **theirs),
        ):
            with pytest.raises(UnknownCharacter):
                await ask
        assert await characters.get(session, ann.id) == ann


async def test_a_picture_is_had_by_whatever_way_its_home_is_called(store: Seeded) -> None:
    await real(store, image_path="home/characters/abc/portrait.png", record_path="home/characters/abc/record")
    await real(store, name="Ben", image_path="/data/home/characters/def.png")
    async with store.database.read() as session:
        had = {name: await characters.has_picture(session, name) for name in ("abc", "def.png", "ab", "def", "bc")}
    assert had == {"abc": True, "def.png": True, "ab": False, "def": False, "bc": False}


async def test_of_two_made_at_once_with_one_name_one_is_refused(store: Seeded) -> None:
    async def make(image: str) -> object:
        try:
            async with store.database.write() as session:
                new = NewCharacter(name="Ben", image_path=image, likeness="fictional")
                return await characters.create(session, workspace_id=store.workspace.id, new=new)
        except CharacterExists as error:
            return error

    done = await asyncio.gather(*(make(f"/nowhere/{number}.png") for number in range(4)))
    (made,) = [one for one in done if isinstance(one, Character)]
    assert {error.fields["character_id"] for error in done if isinstance(error, CharacterExists)} == {made.id}
    async with store.database.read() as session:
        assert (await characters.get(session, made.id)).image_path == made.image_path, "nobody else's face"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Ann O'Hara", "ann-o-hara"),
        ("Jos\u00e9", "jos\u00e9"),
        ("Jose\u0301", "jos\u00e9"),  # as some systems name files: not the one called Jose
        ("\u0915\u093f", "\u0915\u093f"),  # a vowel of an Indic script is a mark, and another one another name
        ("Ann \u2764\ufe0f", "ann"),
        ("../../etc", "etc"),
    ],
)
def test_a_name_is_found_again_and_no_other_for_it(name: str, slug: str) -> None:
    assert characters.slug_of(name) == slug


@pytest.mark.parametrize("name", ["a\nb", "a\0b", "Ann\u2028Ben", "x" * 201, "\U0001f600", " "])
def test_what_is_no_line_with_a_letter_is_no_name(name: str) -> None:
    with pytest.raises(BadCharacter, match="name"):
        characters.check(NewCharacter(name=name, image_path="", likeness="fictional"))
