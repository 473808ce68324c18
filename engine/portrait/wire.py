"""The messages between a session and its process, and their bytes. Knows neither side.

A message is a line of JSON and a tail of PCM: 4 bytes length of the JSON, 4 bytes length of the tail (both big-endian),
the JSON, the tail. Frames do not travel here: they lie in memory that both sides map.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from engine.api import Pcm, Phoneme, SpeechTiming, Word

HEADER = struct.Struct("!II")
SLOTS = 4  # blocks in the shared memory: the one being made, the one just given, two that stay valid
MAX_JSON_BYTES = 4 << 20
MAX_TAIL_BYTES = 16 << 20
MAX_SAMPLES = MAX_TAIL_BYTES // 2  # of one message: 349 s of speech

Message = dict[str, Any]


def packed(message: Message, pcm: Pcm | None = None) -> bytes:
    head = json.dumps(message, separators=(",", ":")).encode()
    tail = b"" if pcm is None else np.ascontiguousarray(pcm, "<i2").tobytes()
    return HEADER.pack(len(head), len(tail)) + head + tail


def sizes(header: bytes) -> tuple[int, int]:
    """Lengths of JSON and tail. Raises ValueError where no honest sender would go."""
    head, tail = HEADER.unpack(header)
    if head > MAX_JSON_BYTES or tail > MAX_TAIL_BYTES:
        raise ValueError("message too long")
    return head, tail


def unpacked(head: bytes, tail: bytes) -> tuple[Message, Pcm]:
    message: Message = json.loads(head)
    return message, np.frombuffer(tail, "<i2").astype(np.int16)


def timing_to_wire(timing: SpeechTiming | None) -> list[list[Any]] | None:
    return None if timing is None else [[p.start, p.end, p.symbol] for p in timing.phonemes]


def timing_from_wire(phonemes: list[list[Any]] | None, words: tuple[Word, ...] = ()) -> SpeechTiming | None:
    if phonemes is None:
        return None
    return SpeechTiming(phonemes=tuple(Phoneme(start=s, end=e, symbol=x) for s, e, x in phonemes), words=words)
