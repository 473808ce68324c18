"""Words keep their time: real ears behind the timeline, in a meeting whose clocks run apart."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest

from bot.hearing.base import RATE_HZ, Utterance
from bot.hearing.ears import RecognisingEars
from bot.hearing.registry import open_recogniser
from connectors.base import AudioChunk
from tests.bot.clocks import HandClock
from tests.connectors.long_meeting import PIECE, Meeting, Piece, Source
from tests.connectors.long_meeting import RATE_HZ as RECORDED_HZ

pytest.importorskip("pocketsphinx", reason="the extra hearing-lite is not installed")
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.parallel,
    pytest.mark.skipif(shutil.which("flite") is None or shutil.which("ffmpeg") is None, reason="needs flite, ffmpeg"),
]

TEXTS = ["Potatoes. Early potatoes can be lifted when the plants flower.", "Garlic. Garlic is planted in October."]
SAID_S = (8.0, 100.0, 172.0)
UNTIL_S = 180.0
LIMIT_S = 0.040
SOURCES = (
    Source(name="ada", drift=0.001, gaps=((110.0, 140.0),)),
    Source(name="ben", drift=-0.001, zero_s=7e4, counts=False, reconnects_s=90.0),
    Source(name="mix", drift=0.001),
)


class Around:
    """Keeps the chunks around what is said; the rest of the meeting is nothing to the ears."""

    def __init__(self) -> None:
        self.chunks: list[AudioChunk] = []

    def put(self, chunk: AudioChunk) -> None:
        at_s = chunk.start_sample / RATE_HZ
        if any(said_s < at_s < said_s + 3.7 for said_s in SAID_S):
            self.chunks.append(chunk)


async def words_of(chunks: list[AudioChunk], count: int, cache: Path) -> dict[str, list[Utterance]]:
    heard: dict[str, list[Utterance]] = {}
    recogniser = open_recogniser(texts=TEXTS, names=["Iris"], cache=cache)
    async with RecognisingEars(recogniser, clock=HandClock()) as ears:  # fed at once: nobody is late
        for chunk in chunks:
            ears.feed(chunk.participant or "mix", chunk.start_sample, chunk.pcm)
        async with asyncio.timeout(40):
            async for event in ears.events():
                if isinstance(event, Utterance):
                    heard.setdefault(event.stream, []).append(event)
                if sum(map(len, heard.values())) == count:
                    break
    return heard


def truth(spoken: np.ndarray) -> list[AudioChunk]:
    """What a perfect timeline would give."""
    whole = np.zeros(round(UNTIL_S * RATE_HZ), np.int16)
    for said_s in SAID_S:
        begin = round(said_s * RATE_HZ)
        whole[begin : begin + len(spoken)] = spoken
    kept = Around()
    for start in range(0, len(whole), 320):
        kept.put(AudioChunk(participant="true", start_sample=start, pcm=whole[start : start + 320]))
    return kept.chunks


async def test_words_stand_within_40_ms_of_where_they_were_said(tmp_path: Path) -> None:
    import soxr

    from tests.benchmarks.hearing import spoken

    voice = spoken("When are early potatoes lifted?", "rms")
    recorded = soxr.resample(voice, RATE_HZ, RECORDED_HZ)
    padded = np.pad(recorded, PIECE)

    def sound(piece: Piece) -> np.ndarray:
        for said_s in SAID_S:
            at = round((piece.at_s - said_s) * RECORDED_HZ) + PIECE
            if 0 <= at <= len(padded) - PIECE:
                return padded[at : at + PIECE]
        return np.zeros(PIECE, np.int16)

    meeting = Meeting(sources=SOURCES, heard=Around(), sound=sound)
    meeting.run(UNTIL_S, UNTIL_S)
    expected = (await words_of(truth(voice), len(SAID_S), tmp_path))["true"]
    heard = await words_of(meeting.heard.chunks, len(SAID_S) * len(SOURCES), tmp_path)
    for stream, said in heard.items():
        for one, other in zip(said, expected, strict=True):
            assert one.text == other.text, stream
            apart = [abs(a.start_sample - b.start_sample) for a, b in zip(one.words, other.words, strict=True)]
            assert max(apart) / RATE_HZ < LIMIT_S, f"{stream}: {max(apart) / RATE_HZ * 1000:.0f} ms"
