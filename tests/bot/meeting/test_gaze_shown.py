"""From the meeting's page to the eyes in the picture: the real bridge, its gaze, and a portrait in its own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bot.meeting.bridge import Bridge
from bot.meeting.gaze import DWELL_S, HELD_S
from bot.meeting.speakers import Speakers
from bot.meeting.stay import Roster
from connectors.base import CHUNK_SAMPLES, HEARING_RATE_HZ, AudioChunk, Capabilities, Speaking, Spot
from engine.api import CharacterAssets, Likeness, VideoFormat, open_engine
from engine.portrait.record import load_record
from tests.bot.clocks import HandClock
from tests.bot.meeting.talk_doubles import MemoryConnector, MemoryRecorder, ScriptedEars

IRIS = Path(__file__).parents[3] / "bot" / "library" / "iris"
CHARACTER = CharacterAssets(
    character_id="iris", image=IRIS / "portrait.png", record=IRIS / "record", likeness=Likeness.FICTIONAL
)
VIDEO = VideoFormat(width=1280, height=720, fps=24)
OWN, LEFT_OF_US, RIGHT_OF_US = (0.0, 0.0), (-0.67, 0.0), (0.67, 0.0)
BEGAN_S, ENDED_S, OVER_S = 0.5, 2.5, 5.0
DIM = 140  # irises are darker, whites and lids are not
ASIDE = 0.2  # iris radii, at least; a glance is no wider

Heard = Callable[[Bridge, int], AsyncIterator[AudioChunk]]


def chunk(participant: str | None, number: int, *, loud: bool) -> AudioChunk:
    rng = np.random.default_rng(number)
    pcm = rng.normal(0, 3000, CHUNK_SAMPLES).astype(np.int16) if loud else np.zeros(CHUNK_SAMPLES, np.int16)
    return AudioChunk(participant=participant, start_sample=number * CHUNK_SAMPLES, pcm=pcm)


async def streams(bridge: Bridge, number: int) -> AsyncIterator[AudioChunk]:
    """Ada speaks on her own stream, which ends with her word; the mix goes on. The ears say when."""
    at_s = number * CHUNK_SAMPLES / HEARING_RATE_HZ
    if at_s == BEGAN_S:
        bridge.gaze.begins("ada", at_s)
    if at_s == ENDED_S:
        bridge.gaze.ends("ada", at_s)
    if BEGAN_S <= at_s < ENDED_S:
        yield chunk("ada", number, loud=True)
    yield chunk(None, number, loud=BEGAN_S <= at_s < ENDED_S)


async def watched(spot: Spot, hears: Heard = streams, *, speakers: Speakers | None = None) -> dict[str, float]:
    """Where the eyes are in the picture, in iris radii from the drawing's own, to the picture's right: while Ada speaks
    and after that. One block is asked for whenever its time has come."""
    async with await open_engine("portrait").open(CHARACTER, VIDEO) as session:
        connector, frames = MemoryConnector(), []

        async def audio() -> AsyncIterator[AudioChunk]:
            blocks = session.blocks()
            for number in range(round(OVER_S * HEARING_RATE_HZ / CHUNK_SAMPLES)):
                async for one in hears(bridge, number):
                    yield one
                if (number + 1) * CHUNK_SAMPLES / HEARING_RATE_HZ >= len(frames) / VIDEO.fps:
                    frames.extend((await anext(blocks)).frames.copy())

        meeting: Any = SimpleNamespace(
            capabilities=Capabilities(participant_audio=True, layout=True),
            microphone=connector.microphone,
            camera=connector.camera,
            audio=audio,
        )
        ears: Any = ScriptedEars()
        bridge = Bridge(meeting, session, ears, speakers=speakers)
        bridge.gaze.stand({"ada": spot}, OWN)
        await bridge.hear()
    speaking = slice(int((BEGAN_S + DWELL_S + 0.4) * VIDEO.fps), int(ENDED_S * VIDEO.fps))
    after = slice(int((ENDED_S + HELD_S + 0.3) * VIDEO.fps), None)
    return {"speaking": eyes(frames[speaking]), "after": eyes(frames[after])}


def eyes(frames: list[np.ndarray]) -> float:
    """The median over the frames, so that no blink counts."""
    record = load_record(CHARACTER.image, CHARACTER.record)
    scale = VIDEO.width / record.still.shape[1]
    found = []
    for eye in record.eyes:
        x, y, radius = (value * scale for value in eye.iris)
        rows = slice(int(y - 0.5 * radius), int(y + 0.5 * radius))
        columns = np.arange(int(x - 1.6 * radius), int(x + 1.6 * radius))
        for frame in frames:
            dark = (frame[rows, columns] < DIM).sum(0)
            if dark.any():
                found.append((dark @ columns / dark.sum() - x) / radius)
    return float(np.median(found))


pytestmark = [pytest.mark.slow, pytest.mark.parallel]


async def test_the_eyes_go_to_the_side_on_which_the_speaker_is_and_back() -> None:
    left, right = await watched(LEFT_OF_US), await watched(RIGHT_OF_US)
    assert left["speaking"] < left["after"] - ASIDE and right["speaking"] > right["after"] + ASIDE, (left, right)
    assert left["after"] == pytest.approx(right["after"], abs=0.1), "to the camera, though her stream has ended"


async def test_in_a_mix_the_eyes_go_to_whom_the_platform_shows() -> None:
    recorder: Any = MemoryRecorder()
    speakers = Speakers(recorder, Roster(HandClock()), mixed=True)

    async def mix(bridge: Bridge, number: int) -> AsyncIterator[AudioChunk]:
        at_s = number * CHUNK_SAMPLES / HEARING_RATE_HZ
        if at_s in (BEGAN_S, ENDED_S):
            speakers.shows(Speaking(at_s=at_s, participant="ada", active=at_s == BEGAN_S))
        yield chunk(None, number, loud=BEGAN_S <= at_s < ENDED_S)

    found = await watched(LEFT_OF_US, mix, speakers=speakers)
    assert found["speaking"] < found["after"] - ASIDE, found
