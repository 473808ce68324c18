"""Characters, their pictures and portraits, and what they know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.client.connection import Connection, read

SHEET_TIMEOUT_S = 150.0  # the server's own is 120 s
PORTRAIT_TIMEOUT_S = 960.0  # the server's own is 900 s: the first one makes what makes portraits


@dataclass(frozen=True, kw_only=True, slots=True)
class Character:
    id: str
    slug: str
    name: str
    aliases: list[str]
    persona: str
    greeting: str
    voice: str
    likeness: str
    consent_expires_at: datetime | None
    engine: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletedCharacter(Character):
    files_left: int  # that could not be removed yet; the server tries again


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    code: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Portrait:
    """What was seen in the picture, and what to do for a better face."""

    style: str
    findings: list[Finding]


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    id: str
    name: str
    media_type: str
    sha256: str
    created_at: datetime


class Characters(Connection):
    async def characters(self) -> list[Character]:
        return await self._list(Character, "/characters")

    async def character(self, character_id: str) -> Character:
        return read(Character, await self._ask("GET", f"/characters/{character_id}"))

    async def create_character(self, *, name: str, image: bytes, likeness: str, **more: Any) -> Character:
        """Of a PNG or JPEG. `likeness`: whose face it is: fictional (nobody's), stock (a person's, by licence), self or
        consented (a real person's; these need `consent_proof`). `more` is as the API takes it: aliases, persona,
        greeting, voice, consent_proof, consent_expires_at. Raises ApiError: the picture is none, the name is taken, a
        consent is missing."""
        wanted = {"name": name, "image_base64": image, "likeness": likeness, **more}
        return read(Character, await self._ask("POST", "/characters", body=wanted))

    async def delete_character(self, character_id: str) -> DeletedCharacter:
        """Who it was, what it knew, its pictures and its consent; answers what it was. Raises ApiError:
        `character_in_use` by bots that are not over or by calendars, `shipped_character`."""
        return read(DeletedCharacter, await self._ask("DELETE", f"/characters/{character_id}"))

    async def withdraw_consent(self, character_id: str) -> Character:
        """Its face is shown nowhere from now on: running bots drop it and leave, later ones fail."""
        return read(Character, await self._ask("DELETE", f"/characters/{character_id}/consent"))

    async def renew_consent(
        self,
        character_id: str,
        *,
        consent_proof: str | None = None,
        consent_expires_at: datetime | None = None,
        likeness: str | None = None,
    ) -> Character:
        """In place of the consent there was. `likeness` None: as it was. Raises ApiError: a proof is needed and
        missing, or the end is past."""
        body = {"consent_proof": consent_proof, "consent_expires_at": consent_expires_at, "likeness": likeness}
        return read(Character, await self._ask("PUT", f"/characters/{character_id}/consent", body=body))

    async def character_image(self, character_id: str) -> bytes:
        return bytes(await self._ask("GET", f"/characters/{character_id}/image"))

    async def make_portrait(
        self, character_id: str, *, points: str | None = None, style: str | None = None
    ) -> Portrait:
        """Seconds, and minutes the first time. `points`: the JSON of a points file, for what no detector finds faces
        in. Raises ApiError: `picture_refused`, with what to do."""
        path, body = f"/characters/{character_id}/portrait", {"points": points, "style": style}
        return read(Portrait, await self._ask("POST", path, body=body, timeout_s=PORTRAIT_TIMEOUT_S))

    async def character_sheet(self, character_id: str) -> bytes:
        """Every mouth, the lids and the head of its portrait, side by side, as PNG; takes seconds. Raises ApiError:
        `picture_refused` without a portrait, `consent_ended`, `portrait_unavailable` while another one is made."""
        return bytes(await self._ask("GET", f"/characters/{character_id}/sheet", timeout_s=SHEET_TIMEOUT_S))

    async def documents(self, character_id: str) -> list[Document]:
        return await self._list(Document, f"/characters/{character_id}/documents")

    async def add_document(
        self, character_id: str, *, name: str, text: str, media_type: str = "text/markdown"
    ) -> Document:
        """Something to know; a document of the same name is replaced."""
        wanted = {"name": name, "text": text, "media_type": media_type}
        return read(Document, await self._ask("POST", f"/characters/{character_id}/documents", body=wanted))
