"""Opens a bot's parts side by side: connector, engine, voice, ears. Each is closed by the stack it was entered on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.config import VIDEO_SIZES, Settings
from bot.hearing.base import Ears, EchoRemoval
from bot.hearing.diarization.base import Diarizer
from bot.hearing.registry import open_diarizer, open_echo_removal
from bot.store.characters import Character
from bot.voice.base import Voice
from connectors.base import Connector
from engine.api import CharacterAssets, Engine, Likeness, Session, VideoFormat

FPS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    connector: Connector
    session: Session
    voice: Voice
    ears: Ears
    echo: EchoRemoval | None = None
    mixed: bool = False  # the ears hear all others in one stream
    diarizer: Diarizer | None = None  # of the mix, not entered: loading takes longer than joining may
    models: Mapping[str, str] = field(default_factory=dict)  # who does the work, by role, for turn records


def assets_of(character: Character) -> CharacterAssets:
    return CharacterAssets(
        character_id=character.id,
        image=Path(character.image_path),
        record=Path(character.record_path) if character.record_path else None,
        likeness=Likeness(character.likeness) if character.likeness else None,
        consent_proof=character.consent_proof,
        consent_expires_at=character.consent_expires_at,
    )


def own_copy(character: Character, folder: Path) -> Character | None:
    """The character with its files in `folder`: who gives it another portrait meanwhile, or deletes it, takes nothing
    from a bot that may open them again. None: they are not there any more."""
    image, record = Path(character.image_path), Path(character.record_path) if character.record_path else None
    kept = folder / "character"
    shutil.rmtree(kept, ignore_errors=True)
    try:
        kept.mkdir()
        shutil.copyfile(image, kept / image.name)
        if record is not None:
            shutil.copytree(record, kept / "record")
    except OSError:
        return None
    return replace(
        character, image_path=str(kept / image.name), record_path=str(kept / "record") if record is not None else None
    )


async def open_parts(
    stack: AsyncExitStack, settings: Settings, character: Character, url: str, passages: list[str], workdir: Path
) -> Parts:
    """All parts, ready. They start together: the slowest decides, not the sum. Raises each part's own errors."""
    from connectors.registry import open_connector

    width, height = VIDEO_SIZES[settings.video]
    connector = open_connector(
        url,
        workdir / "connector",
        headless=settings.headless,
        chromium=settings.chromium,
        profile=Path(settings.browser_profile) if settings.browser_profile else None,
        camera=settings.camera_path,
        width=width,
        height=height,
        fps=FPS,
        own_hosts=settings.own_meeting_hosts,
    )
    mixed = settings.hearing_streams == "mix" or not connector.capabilities.participant_audio

    async def session() -> Session:
        engine = _engine_of(settings, character)
        video = VideoFormat(width=width, height=height, fps=FPS)
        return await stack.enter_async_context(await engine.open(assets_of(character), video))

    async def voice_and_ears() -> tuple[Voice, Ears]:
        from bot.hearing.ears import RecognisingEars
        from bot.hearing.registry import open_recogniser
        from bot.voice.registry import open_voice

        voice = await stack.enter_async_context(open_voice(character.voice or "espeak"))
        recogniser = open_recogniser(
            whisper_model=settings.whisper_model,
            texts=passages,
            names=(character.name, *character.aliases),
            cache=settings.cache_folder / "hearing",
            pronounce=getattr(voice, "pronounce", None),  # only a voice that has a dictionary can
        )
        return voice, await stack.enter_async_context(RecognisingEars(recogniser))

    opened = await _together(
        stack.enter_async_context(connector),
        session(),
        voice_and_ears(),
        asyncio.to_thread(open_echo_removal),
    )
    voice, ears = opened[2]
    return Parts(
        connector=opened[0],
        session=opened[1],
        voice=voice,
        ears=ears,
        echo=opened[3],
        mixed=mixed,
        diarizer=open_diarizer(diarization_model=settings.diarization_model) if mixed else None,
        models=_models(settings, voice, character),
    )


def _engine_of(settings: Settings, character: Character) -> Engine:
    """The character's own; a generated face comes from the engine servers where there are some, with the portrait
    behind it."""
    from engine.api import open_engine

    if settings.engine_servers and character.engine != "portrait":
        return open_engine("remote", urls=settings.engine_servers, token=settings.engine_token)
    return open_engine(character.engine)


def _models(settings: Settings, voice: Voice, character: Character) -> dict[str, str]:
    return {
        "recogniser": "whisper" if settings.whisper_model else "pocketsphinx",
        "mind": (settings.llm_model or "unnamed") if settings.llm_url else "quotes",
        "voice": voice.name,
        "engine": character.engine,
    }


async def _together(*opening: Any) -> list[Any]:
    """Like gather, but waits for all before it raises the first error, so that the stack knows all that opened."""
    results = await asyncio.gather(*opening, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return list(results)
