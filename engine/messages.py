"""What an engine server and its clients say to each other, and the bytes of it. Knows neither side.

A message is one binary WebSocket message: 4 bytes of length (big-endian), a JSON object, a tail of bytes (sound,
frames, a picture). Each kind is a dataclass; `type` in the JSON names it, its fields are checked one by one when it is
read. `VERSION` changes when an old side would misunderstand a new one.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, get_type_hints

import numpy as np

from engine.api import FRAMES_PER_BLOCK, SPEECH_RATE_HZ, EngineError, Frames, Pcm, Phoneme, SpeechTiming, VideoFormat

VERSION = 1
PATH = "/v1/session"
READY_PATH = "/ready"
MOST_SOUND_S = 60  # of speech in one message, and queued in all
MAX_PICTURE_BYTES = 16 << 20
MAX_MESSAGE_BYTES = MAX_PICTURE_BYTES + (1 << 20)
MAX_HEAD_BYTES = 1 << 20
JPEG_QUALITY = 92
_LENGTH = struct.Struct("!I")


class BadMessage(EngineError):
    """The other side of an engine's connection sent what cannot be understood."""

    code = "bad_message"


class Encoding(StrEnum):
    """How frames travel."""

    I420 = "i420"  # as they are
    JPEG = "jpeg"  # each frame's planes as one grey picture: about a tenth of the bytes, not quite the same


@dataclass(frozen=True, kw_only=True, slots=True)
class Hello:
    """The client's first message; the tail is the character's picture."""

    version: int
    character_id: str
    likeness: str | None
    consent_proof: str | None
    consent_expires_at: str | None  # ISO 8601 with its zone
    seed: int
    width: int
    height: int
    fps: int
    encoding: str
    tail: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Welcome:
    """The session is open; the size and rate are its own."""

    version: int
    width: int
    height: int
    fps: int
    tail: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """The server's last message: no session, or no more of it."""

    code: str
    message: str
    retryable: bool
    tail: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draining:
    """The server takes no new sessions and ends this one within the time given."""

    within_s: float
    tail: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speak:
    """The tail is s16le mono at 24 kHz."""

    epoch: int
    phonemes: list[Any] | None  # [start, end, symbol]
    tail: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Listen:
    """The tail is s16le mono at 16 kHz."""

    speaker_id: str | None
    gaze_xy: list[Any] | None
    tail: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Interrupt:
    epoch: int
    tail: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Take:
    """The client wants the next block. At most `MOST_TAKES` may be unanswered."""

    tail: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """An `engine.api.AvBlock`. The tail is its sound, then its frames; `frame_bytes` is the length of each frame."""

    epoch: int
    index: int
    spoken_from: int
    spoken_to: int
    encoding: str
    frame_bytes: list[Any]
    tail: bytes


Message = Hello | Welcome | Failed | Draining | Speak | Listen | Interrupt | Take | Block
MOST_TAKES = 2
KINDS: dict[str, type[Any]] = {
    kind.__name__.lower(): kind for kind in (Hello, Welcome, Failed, Draining, Speak, Listen, Interrupt, Take, Block)
}
_TYPES = {name: get_type_hints(kind) for name, kind in KINDS.items()}
_CHECKS: dict[Any, tuple[type, ...]] = {  # JSON has no whole numbers of its own; a bool is none of ours
    int: (int,),
    float: (int, float),
    str: (str,),
    bool: (bool,),
    str | None: (str, type(None)),
    list[Any]: (list,),
    list[Any] | None: (list, type(None)),
}


def pack(message: Message) -> bytes:
    told = {field.name: getattr(message, field.name) for field in fields(message) if field.name != "tail"}
    head = json.dumps({"type": type(message).__name__.lower(), **told}, separators=(",", ":")).encode()
    return b"".join((_LENGTH.pack(len(head)), head, message.tail))


def unpack(body: bytes) -> Message:
    """Raises BadMessage."""
    if len(body) < _LENGTH.size:
        raise BadMessage("a message is shorter than its own length")
    (length,) = _LENGTH.unpack_from(body)
    if length > min(MAX_HEAD_BYTES, len(body) - _LENGTH.size):
        raise BadMessage("a message's head is longer than the message")
    try:
        told = json.loads(body[_LENGTH.size : _LENGTH.size + length])
    except (ValueError, RecursionError) as error:
        raise BadMessage("a message's head is no JSON") from error
    if not isinstance(told, dict) or (kind := KINDS.get(str(told.pop("type", None)))) is None:
        raise BadMessage("a message is of no known type")
    wanted = {name: hint for name, hint in _TYPES[kind.__name__.lower()].items() if name != "tail"}
    if told.keys() != wanted.keys():
        raise BadMessage(f"a message of type {kind.__name__.lower()} has other fields than it should")
    for name, hint in wanted.items():
        if not isinstance(told[name], _CHECKS[hint]) or (hint is not bool and isinstance(told[name], bool)):
            raise BadMessage(f"{name} of {kind.__name__.lower()} is of another type than it should be")
    message: Message = kind(**told, tail=body[_LENGTH.size + length :])
    return message


# --- what the tails hold -----------------------------------------------------------------------------------------


def sound_bytes(pcm: Pcm) -> bytes:
    return np.ascontiguousarray(pcm, "<i2").tobytes()


def sound_of(tail: bytes, *, most_s: float = MOST_SOUND_S) -> Pcm:
    """Raises BadMessage."""
    if len(tail) % 2 or len(tail) > 2 * most_s * SPEECH_RATE_HZ:
        raise BadMessage("sound is cut inside a sample, or too long for one message")
    return np.frombuffer(tail, "<i2").astype(np.int16)


def phonemes_of(timing: SpeechTiming | None) -> list[Any] | None:
    return None if timing is None else [[p.start, p.end, p.symbol] for p in timing.phonemes]


def timing_of(phonemes: list[Any] | None) -> SpeechTiming | None:
    """Raises BadMessage."""
    if phonemes is None:
        return None
    try:
        read = tuple(Phoneme(start=int(start), end=int(end), symbol=str(symbol)) for start, end, symbol in phonemes)
    except (TypeError, ValueError) as error:
        raise BadMessage("phonemes are not start, end and symbol") from error
    return SpeechTiming(phonemes=read)


def frame_tails(frames: Frames, encoding: str) -> list[bytes]:
    if encoding == Encoding.I420:
        return [np.ascontiguousarray(frame).tobytes() for frame in frames]
    import cv2

    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return [cv2.imencode(".jpg", frame, quality)[1].tobytes() for frame in frames]


def frames_of(block: Block, video: VideoFormat) -> tuple[Pcm, Frames]:
    """Sound and frames of a block, read-only. Raises BadMessage."""
    lengths = block.frame_bytes
    sound_length = 2 * video.samples_per_block
    whole = all(isinstance(length, int) and length >= 0 for length in lengths) and len(lengths) == FRAMES_PER_BLOCK
    if not whole or sound_length + sum(lengths) != len(block.tail):
        raise BadMessage("a block's parts do not fill it")
    sound = np.frombuffer(block.tail[:sound_length], "<i2").astype(np.int16)
    shape = (FRAMES_PER_BLOCK, *video.frame_shape)
    if block.encoding == Encoding.I420:
        if sum(lengths) != int(np.prod(shape)):
            raise BadMessage("a block's frames are of another size than the session's")
        frames = np.frombuffer(block.tail, np.uint8, offset=sound_length).reshape(shape)
    else:
        frames = _decoded(block.tail[sound_length:], lengths, shape)
    for array in (sound, frames):
        array.flags.writeable = False
    return sound, frames


def _decoded(tail: bytes, lengths: list[int], shape: tuple[int, ...]) -> Frames:
    import cv2

    frames, at = np.empty(shape, np.uint8), 0
    for frame, length in zip(frames, lengths, strict=True):
        read = cv2.imdecode(np.frombuffer(tail[at : at + length], np.uint8), cv2.IMREAD_GRAYSCALE) if length else None
        if read is None or read.shape != frame.shape:
            raise BadMessage("a block's frame is no picture of the session's size")
        frame[:] = read
        at += length
    return frames
