"""The Python end of the page's ears: messages from an untrusted page, chunks for one slow consumer."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from connectors.base import CHUNK_SAMPLES, HEARING_RATE_HZ, AudioChunk
from connectors.kit.capture import STREAM_LIMIT, AudioOutlet, PageEars


def message(stream: int, index: int, *, rate_hz: int = 48_000, level: int = 1000, age_s: float = 0.0) -> bytes:
    pcm = np.full(960, level, "<i2")
    return struct.pack("<IIdd", stream, rate_hz, index * 0.02, age_s) + pcm.tobytes()


def owners(of: dict[int, str]) -> str:
    return json.dumps({"owners": of})


async def taken(outlet: AudioOutlet) -> list[AudioChunk]:
    outlet.close()
    return [chunk async for chunk in outlet.stream()]


async def test_each_stream_is_its_participants() -> None:
    outlet = AudioOutlet()
    ears = PageEars(outlet, start_s=0.0)
    ears.note(owners({0: "ada", 1: "ben"}))
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
    for text in ("", "[]", "null", '{"owners": {"x": "ada"}}', '{"owners": 7}', '{"ended": "x"}', '"ada"'):
        ears.note(text)
    for body in (
        b"",
        b"short",
        message(0, 0)[:-1],
        message(0, 0, rate_hz=7),
        message(0, 1 << 60),
        message(0, -1 << 60),
        message(0, 0, age_s=float("nan")),
        message(0, 0, age_s=-1.0),
        message(0, 0, age_s=1e9),
    ):
        ears.take(body, 1.0)
    assert ears.unclaimed == 0 and not await taken(outlet)


@pytest.mark.parametrize("told", [True, False])
async def test_people_come_and_go_without_end_and_each_is_heard(told: bool) -> None:
    outlet = AudioOutlet()
    ears = PageEars(outlet, start_s=0.0)
    for stream in range(STREAM_LIMIT + 9):
        ears.note(owners({stream: f"guest {stream}"}))
        for index in range(18):
            ears.take(message(stream, index), stream * 0.5 + (index + 1) * 0.02)
        if told:
            ears.note(json.dumps({"ended": [stream]}))
    assert ears.streams == (0 if told else STREAM_LIMIT)
    heard = {chunk.participant for chunk in await taken(outlet)}
    assert {f"guest {stream}" for stream in range(STREAM_LIMIT + 6, STREAM_LIMIT + 9)} <= heard


async def test_a_page_loaded_anew_goes_on_where_its_people_were() -> None:
    outlet = AudioOutlet()
    ears = PageEars(outlet, start_s=0.0)
    for again in range(2):
        ears.begin()
        ears.note(owners({0: "ada"}))
        for index in range(40):  # the clock of the second page begins at 0 again, and a little of it is early
            ears.take(message(0, index), again * 0.7 + (index + 1) * 0.02)
    starts = [chunk.start_sample for chunk in await taken(outlet)]
    assert (np.diff(starts) >= CHUNK_SAMPLES).all()
    assert abs(starts[-1] / HEARING_RATE_HZ - (0.7 + 39 * 0.02)) < 0.045


async def test_sound_stands_where_it_came_from_the_network_however_late_the_page_hands_it_over() -> None:
    outlet = AudioOutlet()
    ears = PageEars(outlet, start_s=0.0)
    ears.note(owners({0: "ada"}))
    for index in range(50):  # held up from the beginning on, by 300 ms
        came_s = (index + 1) * 0.02
        ears.take(message(0, index, age_s=0.3), came_s + 0.3)
    first, *_ = await taken(outlet)
    assert first.start_sample == 0


async def test_a_slow_consumer_loses_the_oldest_beyond_two_seconds() -> None:
    outlet = AudioOutlet()
    for index in range(300):
        start = index * CHUNK_SAMPLES
        outlet.put(AudioChunk(participant=None, start_sample=start, pcm=np.zeros(CHUNK_SAMPLES, np.int16)))
    chunks = await taken(outlet)
    assert chunks[-1].start_sample == 299 * CHUNK_SAMPLES
    assert chunks[-1].start_sample - chunks[0].start_sample == 2 * HEARING_RATE_HZ
    assert outlet.dropped == 300 - len(chunks)
