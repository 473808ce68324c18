"""Ears: each participant's sound from the page, the mix from the sound server, all on the meeting's one timeline.

The page part (`ears.js`) sends pieces of about 20 ms as the header `u32 stream, u32 rate_hz, f64 stamp_s, f64 age_s`
(little-endian; stamped by the sender's clock, `age_s` after they came from the network) and s16 mono samples. JSON text
says which participant a stream belongs to, `{"owners": {"3": "ada"}}`, and which ones are over, `{"ended": [2]}`; a
number is never used twice. Sound of a stream nobody claims goes no further.
"""

from __future__ import annotations

import asyncio
import json
import struct
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
from aiohttp import WSMsgType, web

from connectors.base import HEARING_RATE_HZ, AudioChunk, DeviceFailed
from connectors.kit.pulse import Record
from connectors.kit.timeline import FILLED_S, Lane

HELD_SAMPLES = 2 * HEARING_RATE_HZ
HEADER = struct.Struct("<IIdd")
STREAM_LIMIT = 64  # at once
PARTICIPANTS_KEPT = 256  # whose last sample is remembered
RATES_HZ = range(8_000, 96_001)
STAMP_LIMIT_S = 1e9
AGE_LIMIT_S = 10.0
PIECE = 960  # 20 ms at 48 kHz
MIX_RATE_HZ = 48_000
STOP_S = 2.0


class AudioOutlet:
    """The chunks on their way to one consumer: at most 2 s of each, then the oldest go and are counted."""

    def __init__(self) -> None:
        self._chunks: deque[AudioChunk] = deque()
        self._ready = asyncio.Event()
        self._closed = False
        self.dropped = 0

    def put(self, chunk: AudioChunk) -> None:
        if self._closed:
            return
        self._chunks.append(chunk)
        while self._chunks[0].start_sample < chunk.start_sample - HELD_SAMPLES:
            self._chunks.popleft()
            self.dropped += 1
        self._ready.set()

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._ready.set()

    async def stream(self) -> AsyncIterator[AudioChunk]:
        while True:
            while self._chunks:
                yield self._chunks.popleft()
            if self._closed:
                return
            self._ready.clear()
            await self._ready.wait()


class PageEars:
    """The Python end of `ears.js`: one handler for one page, which may be loaded anew."""

    def __init__(self, outlet: AudioOutlet, start_s: float) -> None:
        self._outlet, self._start_s = outlet, start_s
        self._lanes: dict[int, Lane] = {}  # the one heard last is the last
        self._owners: dict[int, str] = {}
        self._told: dict[str, int] = {}  # participant: the sample after the last one told
        self.unclaimed = 0  # pieces of streams nobody claimed

    @property
    def streams(self) -> int:
        """How many are followed."""
        return len(self._lanes)

    async def handle(self, socket: web.WebSocketResponse) -> None:
        self.begin()
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                self.take(message.data, time.monotonic())
            elif message.type is WSMsgType.TEXT:
                self.note(message.data)

    def begin(self) -> None:
        """The page is new: its streams count from 0 again, and so do their clocks."""
        self._lanes.clear()
        self._owners.clear()

    def note(self, text: str) -> None:
        """Which participant each stream belongs to, or which streams are over; what does not parse is left out."""
        try:
            said = json.loads(text)
            ended = [int(stream) for stream in said.get("ended", ())]
            owners = {int(stream): str(owner) for stream, owner in said.get("owners", {}).items() if owner}
        except (ValueError, TypeError, AttributeError):
            return
        if "owners" in said:
            self._owners = dict(list(owners.items())[:STREAM_LIMIT])
        for stream in ended:
            self._lanes.pop(stream, None)
            self._owners.pop(stream, None)

    def take(self, message: bytes, arrived_s: float) -> None:
        if len(message) <= HEADER.size or (len(message) - HEADER.size) % 2:
            return
        stream, rate_hz, stamp_s, age_s = HEADER.unpack_from(message)
        if rate_hz not in RATES_HZ or not abs(stamp_s) < STAMP_LIMIT_S or not 0.0 <= age_s < AGE_LIMIT_S:
            return
        arrived_s -= age_s
        pcm = np.frombuffer(message, "<i2", offset=HEADER.size)
        owner = self._owners.get(stream)
        self.unclaimed += owner is None
        for start_sample, chunk in self._lane(stream, rate_hz).place(pcm, stamp_s=stamp_s, arrived_s=arrived_s):
            if owner is not None:
                self._put(AudioChunk(participant=owner, start_sample=start_sample, pcm=chunk, arrived_s=arrived_s))

    def _lane(self, stream: int, rate_hz: int) -> Lane:
        """The stream's lane. When there are too many, the one not heard for longest makes room."""
        lane = self._lanes.pop(stream, None)
        if lane is None or lane.rate_hz != rate_hz:
            if len(self._lanes) >= STREAM_LIMIT:
                del self._lanes[next(iter(self._lanes))]
            lane = Lane(self._start_s, rate_hz)
        self._lanes[stream] = lane
        return lane

    def _put(self, chunk: AudioChunk) -> None:
        """A participant's chunks never run backwards, though their streams change: what is behind is left out."""
        assert chunk.participant is not None
        told = self._told.pop(chunk.participant, 0)
        if chunk.start_sample >= told:
            self._outlet.put(chunk)
            told = chunk.start_sample + len(chunk.pcm)
        self._told[chunk.participant] = told
        if len(self._told) > PARTICIPANTS_KEPT:
            del self._told[next(iter(self._told))]


class MixEars:
    """The mix of all the page plays, read by a thread of its own from the sound server's monitor."""

    def __init__(self, record: Record, outlet: AudioOutlet, start_s: float) -> None:
        self._record, self._outlet = record, outlet
        self._lane = Lane(start_s, MIX_RATE_HZ)
        self._stop = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="mix-ears", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.join, STOP_S)

    def _run(self) -> None:
        read = 0
        try:
            while not self._stop.is_set():
                pcm = self._record.read(PIECE)
                arrived_s, stamp_s = time.monotonic(), read / MIX_RATE_HZ
                read += PIECE
                for start_sample, chunk in self._lane.place(pcm, stamp_s=stamp_s, arrived_s=arrived_s):
                    mixed = AudioChunk(participant=None, start_sample=start_sample, pcm=chunk, arrived_s=arrived_s)
                    self._loop.call_soon_threadsafe(self._outlet.put, mixed)
        except (DeviceFailed, RuntimeError):
            return  # the sound server or the loop is gone: so is the meeting
        finally:
            self._record.close()


def ears_script(url: str, *, tiles: str, attribute: str) -> str:
    """The page part, for a context's init scripts. A participant's sound is that of the media elements inside the
    element that matches the CSS selector `tiles`, and its id is that element's `attribute`."""
    source = (Path(__file__).parent / "ears.js").read_text("utf-8")
    settings = {"url": url, "tiles": tiles, "attribute": attribute, "filled_s": FILLED_S}
    return f"({source})({json.dumps(settings)})"
