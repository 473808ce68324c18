"""Characters: make one of a picture and a few words, list them, and give one something to know."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.api import pictures
from bot.api.pictures import NoPicture
from bot.api.routes import Call, NoBody, NoPath, NoQuery, Route
from bot.api.schemas import (
    MAX_DOCUMENT_CHARACTERS,
    MAX_IMAGE_BYTES,
    CharacterList,
    CharacterPath,
    CharacterView,
    DeletedCharacter,
    DocumentList,
    DocumentView,
    FindingView,
    NewCharacter,
    NewConsent,
    NewDocument,
    NewPortrait,
    PortraitView,
)
from bot.assets import BadImage, keep_image
from bot.library import keeping
from bot.library.keeping import ShippedCharacter
from bot.library.portraits import PictureRefused, PortraitUnavailable, original_of, prepare_portrait, sheet_of
from bot.store import characters, knowledge
from bot.store.characters import (
    BadCharacter,
    Character,
    CharacterExists,
    CharacterInUse,
    ConsentEnded,
    UnknownCharacter,
)

SHOWING = asyncio.Lock()
IMPORTING = asyncio.Lock()  # held while one is on its way: the machine has meetings to run


async def create(call: Call[NoPath, NoQuery, NewCharacter]) -> CharacterView:
    new = characters.NewCharacter(**call.body.model_dump(exclude={"image_base64"}), image_path="")
    characters.check(new)  # a real person's picture is not even kept without consent
    database, home = call.services.database, call.services.home
    async with keeping.changing(database, home) as change:
        image = await asyncio.to_thread(keep_image, home, call.body.image_base64)
        change.touches(str(image))
        new = replace(new, image_path=str(image))
        async with database.write() as session:
            return CharacterView.of(await characters.create(session, workspace_id=call.workspace_id, new=new))


async def list_all(call: Call[NoPath, NoQuery, NoBody]) -> CharacterList:
    async with call.services.database.read() as session:
        found = await characters.list_all(session, workspace_id=call.workspace_id)
    return CharacterList(data=[CharacterView.of(character) for character in found])


async def show(call: Call[CharacterPath, NoQuery, NoBody]) -> CharacterView:
    async with call.services.database.read() as session:
        found = await characters.get(session, call.path.character_id, workspace_id=call.workspace_id)
    return CharacterView.of(found)


async def delete(call: Call[CharacterPath, NoQuery, NoBody]) -> DeletedCharacter:
    services, character_id = call.services, call.path.character_id
    gone, left = await keeping.delete(
        services.database, services.home, character_id, workspace_id=call.workspace_id, now=call.now
    )
    call.details["files_left"] = left
    return DeletedCharacter(**CharacterView.of(gone).model_dump(), files_left=left)


async def withdraw_consent(call: Call[CharacterPath, NoQuery, NoBody]) -> CharacterView:
    character_id, mine = call.path.character_id, {"workspace_id": call.workspace_id}
    async with call.services.database.write() as session:
        keeping.refuse_shipped(await characters.get(session, character_id, **mine))
        return _consent(call, await characters.withdraw_consent(session, character_id, **mine, now=call.now))


async def renew_consent(call: Call[CharacterPath, NoQuery, NewConsent]) -> CharacterView:
    character_id, mine = call.path.character_id, {"workspace_id": call.workspace_id}
    new = characters.NewConsent(**call.body.model_dump())
    async with call.services.database.write() as session:
        keeping.refuse_shipped(await characters.get(session, character_id, **mine))
        return _consent(call, await characters.renew_consent(session, character_id, **mine, new=new, now=call.now))


def _consent(call: Call[CharacterPath, NoQuery, Any], character: Character) -> CharacterView:
    call.details.update(characters.consent_in_brief(character))
    return CharacterView.of(character)


async def image(_request: web.Request, call: Call[CharacterPath, NoQuery, NoBody]) -> web.Response:
    async with call.services.database.read() as session:
        found = await characters.get(session, call.path.character_id, workspace_id=call.workspace_id)
    return await pictures.answer(Path(found.image_path))


async def make_portrait(call: Call[CharacterPath, NoQuery, NewPortrait]) -> PortraitView:
    """Seconds, and minutes the first time: one at a time, so that strangers' pictures cannot take the machine."""
    character_id, workspace_id, services = call.path.character_id, call.workspace_id, call.services
    async with services.database.read() as session:
        character = await characters.get(session, character_id, workspace_id=workspace_id)
    keeping.refuse_shipped(character)
    if character.consent_is_over(call.now):
        raise ConsentEnded(character_id=character_id)
    if IMPORTING.locked():
        raise PortraitUnavailable("Another picture is being imported; try again in a minute.")
    async with IMPORTING:
        try:
            content = await asyncio.to_thread(original_of(Path(character.image_path)).read_bytes)
        except OSError as error:
            raise PictureRefused("The character's picture is not here any more; make the character again.") from error
        made = await prepare_portrait(services.home, content, points=call.body.points, style=call.body.style)
    await keeping.give_portrait(services.database, services.home, character_id, workspace_id=workspace_id, made=made)
    return PortraitView(style=made.style, findings=[FindingView(code=c, text=t) for c, t in made.findings])


async def sheet(_request: web.Request, call: Call[CharacterPath, NoQuery, NoBody]) -> web.Response:
    """One at a time, as importing; seconds of one processor that gives way to meetings."""
    async with call.services.database.read() as session:
        found = await characters.get(session, call.path.character_id, workspace_id=call.workspace_id)
    if found.consent_is_over(call.now):
        raise ConsentEnded(character_id=found.id)
    if SHOWING.locked():
        raise PortraitUnavailable("Another portrait is being shown; try again in a few seconds.")
    async with SHOWING:
        made = await sheet_of(Path(found.image_path), Path(found.record_path) if found.record_path else None)
    return web.Response(body=made, content_type="image/png", headers={**pictures.HEADERS, "Cache-Control": "no-store"})


async def add_document(call: Call[CharacterPath, NoQuery, NewDocument]) -> DocumentView:
    given = call.body
    passages = await asyncio.to_thread(call.services.split, given.name, given.text)
    async with call.services.database.write() as session:
        character = await characters.get(session, call.path.character_id, workspace_id=call.workspace_id)
        added = await knowledge.add_document(
            session, character.knowledge_base_id, name=given.name, media_type=given.media_type, passages=passages
        )
    return DocumentView.of(added)


async def documents(call: Call[CharacterPath, NoQuery, NoBody]) -> DocumentList:
    async with call.services.database.read() as session:
        character = await characters.get(session, call.path.character_id, workspace_id=call.workspace_id)
        found = await knowledge.documents(session, character.knowledge_base_id)
    return DocumentList(data=[DocumentView.of(document) for document in found])


ROUTES = (
    Route(
        method="POST",
        path="/characters",
        name="create_character",
        summary="Make a character of a picture, a name and a persona",
        tag="characters",
        scope="characters:write",
        handler=create,
        body=NewCharacter,
        body_limit=MAX_IMAGE_BYTES * 4 // 3 + 256 * 1024,
        answer=CharacterView,
        status=201,
        errors=(BadCharacter, BadImage, CharacterExists),
    ),
    Route(
        method="GET",
        path="/characters",
        name="list_characters",
        summary="Characters by name",
        tag="characters",
        scope="characters:read",
        handler=list_all,
        answer=CharacterList,
    ),
    Route(
        method="GET",
        path="/characters/{character_id}",
        name="show_character",
        summary="One character",
        tag="characters",
        scope="characters:read",
        handler=show,
        path_model=CharacterPath,
        answer=CharacterView,
        errors=(UnknownCharacter,),
    ),
    Route(
        method="DELETE",
        path="/characters/{character_id}",
        name="delete_character",
        summary="Delete who it is, what it knows, its pictures and its consent; answers what it was",
        tag="characters",
        scope="characters:write",
        handler=delete,
        path_model=CharacterPath,
        answer=DeletedCharacter,
        errors=(UnknownCharacter, CharacterInUse, ShippedCharacter),
    ),
    Route(
        method="PUT",
        path="/characters/{character_id}/consent",
        name="renew_consent",
        summary="Say anew whose face it is, and which consent there is to show it",
        tag="characters",
        scope="characters:write",
        handler=renew_consent,
        path_model=CharacterPath,
        body=NewConsent,
        answer=CharacterView,
        errors=(UnknownCharacter, BadCharacter, ShippedCharacter),
    ),
    Route(
        method="DELETE",
        path="/characters/{character_id}/consent",
        name="withdraw_consent",
        summary="Show the face nowhere from now on; bots that have it leave",
        tag="characters",
        scope="characters:write",
        handler=withdraw_consent,
        path_model=CharacterPath,
        answer=CharacterView,
        errors=(UnknownCharacter, ShippedCharacter),
    ),
    Route(
        method="GET",
        path="/characters/{character_id}/image",
        name="show_character_image",
        summary="A character's picture",
        tag="characters",
        scope="characters:read",
        raw=image,
        raw_types=pictures.MEDIA_TYPES,
        path_model=CharacterPath,
        errors=(UnknownCharacter, NoPicture),
    ),
    Route(
        method="POST",
        path="/characters/{character_id}/portrait",
        name="make_portrait",
        summary="Make a character's picture ready for the portrait engine, and say what could be better about it",
        tag="characters",
        scope="characters:write",
        handler=make_portrait,
        path_model=CharacterPath,
        body=NewPortrait,
        answer=PortraitView,
        errors=(UnknownCharacter, ShippedCharacter, ConsentEnded, PictureRefused, PortraitUnavailable),
    ),
    Route(
        method="GET",
        path="/characters/{character_id}/sheet",
        name="show_character_sheet",
        summary="Every mouth, the lids and the head of a character's portrait, to look at before anybody meets it",
        tag="characters",
        scope="characters:read",
        raw=sheet,
        raw_types=("image/png",),
        path_model=CharacterPath,
        errors=(UnknownCharacter, ConsentEnded, PictureRefused, PortraitUnavailable),
    ),
    Route(
        method="POST",
        path="/characters/{character_id}/documents",
        name="add_document",
        summary="Give a character something to know; a document of the same name is replaced",
        tag="knowledge",
        scope="knowledge:write",
        handler=add_document,
        path_model=CharacterPath,
        body=NewDocument,
        body_limit=MAX_DOCUMENT_CHARACTERS * 4,
        answer=DocumentView,
        status=201,
        errors=(UnknownCharacter,),
    ),
    Route(
        method="GET",
        path="/characters/{character_id}/documents",
        name="list_documents",
        summary="The documents of a character's knowledge base, by name",
        tag="knowledge",
        scope="knowledge:read",
        handler=documents,
        path_model=CharacterPath,
        answer=DocumentList,
        errors=(UnknownCharacter,),
    ),
)
