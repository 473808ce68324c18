"""The Python end of the page's ears: messages from an untrusted page, chunks for one slow consumer."""

from __future__ import annotations

import json
import struct

import numpy as np

from connectors.base import CHUNK_SAMPLES, HEARING_RATE_HZ, AudioChunk
from connectors.kit.capture import AudioOutlet, PageEars


def message(stream: int, index: int, *, rate_hz: int = 48_000, level: int = 1000) -> bytes:
    pcm = np.full(960, level, "<i2")
    return struct.pack("<IId", stream, rate_hz, index * 0.02) + pcm.tobytes()


async def taken(outlet: AudioOutlet) -> list[AudioChunk]:
    outlet.close()
    return [chunk async for chunk in outlet.stream()]


async def test_each_stream_is_its_participants() -> None:
    outlet = AudioOutlet()
    ears = PageEars(outlet, start_s=0.0)
    ears.claim(json.dumps({"0": "ada", "1": "ben"}))
    for index in range(50):
        ears.take(message(0, index, level=1000), (index + 1) * 0.02)
        ears.take(message(1, index, level=2000), (index + 1) * 0.02)
    chunks = await taken(outlet)
    for participant, level in (("ada", 1000), ("ben", 2000)):
        own = [chunk for chunk in chunks if chunk.participant == participant]
        assert len(own) >= 45
        assert abs(int(np.median(own[20].pcm)) - level) <= 2


async def test_a_stream_nobody_claims_is_counted_and_kept_out() -> None:
    outlet = AudioOutlet()
    ears = PageEars(outlet, start_s=0.0)
    for index in range(10):
        ears.take(message(0, index), (index + 1) * 0.02)
    assert ears.unclaimed == 10 and not await taken(outlet)


async def test_nonsense_from_the_page_is_left_out() -> None:
    outlet = AudioOutlet()
    ears = PageEars(outlet, start_s=0.0)
    for text in ("", "[]", "null", '{"x": "ada"}', '"ada"'):
        ears.claim(text)
    for body in (b"", b"short", message(0, 0)[:-1], message(99_999, 0), message(0, 0, rate_hz=7)):
        ears.take(body, 1.0)
    assert ears.unclaimed == 0 and not await taken(outlet)


async def test_a_slow_consumer_loses_the_oldest_beyond_two_seconds() -> None:
    outlet = AudioOutlet()
    for index in range(300):
        start = index * CHUNK_SAMPLES
        outlet.put(AudioChunk(participant=None, start_sample=start, pcm=np.zeros(CHUNK_SAMPLES, np.int16)))
    chunks = await taken(outlet)
    assert chunks[-1].start_sample == 299 * CHUNK_SAMPLES
    assert chunks[-1].start_sample - chunks[0].start_sample == 2 * HEARING_RATE_HZ
    assert outlet.dropped == 300 - len(chunks)
