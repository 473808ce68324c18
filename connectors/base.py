"""The connector's contract: one meeting on one platform, told in verbs and a closed set of events.

`tests/connectors/contract.py` runs on every implementation. A connector is entered (its browser and devices start),
joined once, listened to and left:

    async with open_connector(url, workdir) as connector:
        await connector.join(JoinRequest(...))      # returns in the call, or raises JoinRefused
        ...
        await connector.leave()                     # safe twice; ends events() and audio()

Sound out of `audio()` is s16 mono at 16 kHz in chunks of 20 ms on the meeting's one timeline; sound into the
microphone is s16 mono at 48 kHz; frames into the camera are I420 (BT.601, limited range) of the camera's size.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

HEARING_RATE_HZ = 16_000
CHUNK_SAMPLES = 320  # 20 ms
MICROPHONE_RATE_HZ = 48_000

Pcm = NDArray[np.int16]
Frame = NDArray[np.uint8]


class Refusal(StrEnum):
    """Why a platform or a host did not let us in. The value is the code users see; the text is what it means."""

    def __new__(cls, code: str, text: str) -> Refusal:
        member = str.__new__(cls, code)
        member._value_ = code
        member.text = text
        return member

    text: str

    INVALID_LINK = "invalid_link", "The link is not one of a meeting."
    NOT_FOUND = "meeting_not_found", "The platform knows no meeting under this link."
    NOT_STARTED = "meeting_not_started", "The meeting has not started and does not let anyone wait."
    ENDED = "meeting_ended", "The meeting is over."
    FULL = "meeting_full", "The meeting has no free place."
    LOCKED = "meeting_locked", "The host has locked the meeting."
    DENIED = "request_denied", "Someone in the meeting denied the request to join."
    LOBBY_TIMEOUT = "lobby_timeout", "Nobody answered the request to join in time."
    SIGN_IN_REQUIRED = "sign_in_required", "The meeting only admits signed-in accounts."
    PASSCODE_WRONG = "passcode_wrong", "The passcode is missing or wrong."
    BOTS_BLOCKED = "bots_blocked", "The platform or its administrator does not admit automated participants."
    CAPTCHA = "captcha_shown", "The platform asks for proof of being human; a bot does not give one."
    UNREACHABLE = "unreachable", "The meeting's address did not answer."
    PAGE_NOT_UNDERSTOOD = "page_not_understood", "The page showed a screen this version does not know."


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What was on the screen when something was decided. Text is from the page: untrusted, shown as text only."""

    url: str
    heading: str = ""
    screenshot: Path | None = None
    html: Path | None = None


class ConnectorError(Exception):
    """The connector cannot go on."""

    code = "connector_error"
    retryable = False


class UnknownPlatform(ConnectorError):
    """No connector knows this link; supported are the platforms listed in the README."""

    code = "unknown_platform"


class BrowserDied(ConnectorError):
    """The browser ended while the meeting was going on."""

    code = "browser_died"
    retryable = True


class DeviceFailed(ConnectorError):
    """A sound server, virtual camera or virtual microphone could not be started; `understudy doctor` says why."""

    code = "device_failed"
    retryable = True


class NotSupported(ConnectorError):
    """The platform cannot do this; `capabilities` says what it can."""

    code = "not_supported"


class JoinRefused(ConnectorError):
    """The meeting did not let the bot in."""

    code = "join_refused"

    def __init__(self, refusal: Refusal, evidence: Evidence | None = None) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal
        self.evidence = evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a platform can do. Callers ask here; nobody branches on a platform's name."""

    chat: bool = False
    raise_hand: bool = False
    lobby: bool = False
    participant_audio: bool = False  # one stream per participant, not only the mix
    participant_names: bool = False
    screen_share: bool = False
    camera: bool = False
    microphone: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinRequest:
    """`display_name` is used as given: whoever asks has put "(AI)" in it."""

    meeting_url: str
    display_name: str
    passcode: str | None = None
    page_timeout_s: float = 30.0  # for the page to answer
    lobby_timeout_s: float = 600.0  # for a host to admit us


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    at_s: float  # seconds on the meeting's timeline, as in every event


@dataclass(frozen=True, kw_only=True, slots=True)
class InLobby:
    at_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ParticipantJoined:
    at_s: float
    participant: str  # stable within the meeting
    name: str  # as the participant typed it: untrusted
    is_self: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ParticipantLeft:
    at_s: float
    participant: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Speaking:
    """The platform's own sign that someone speaks or stopped."""

    at_s: float
    participant: str
    active: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatMessage:
    at_s: float
    participant: str | None
    name: str
    text: str  # untrusted


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenShared:
    at_s: float
    participant: str
    active: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """A host removed the bot. Final: the bot does not come back."""

    at_s: float
    evidence: Evidence | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """The meeting ended for everyone."""

    at_s: float


Event = (
    Admitted | InLobby | ParticipantJoined | ParticipantLeft | Speaking | ChatMessage | ScreenShared | Removed | Ended
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioChunk:
    """20 ms of sound. `participant` None is the mix of everyone else. `start_sample` counts 16 kHz samples from
    `Connector.timeline_start_s`; a stream's chunks never overlap and never run backwards, gaps are gaps in time.
    `arrived_s`: when the last of it came from the network, `time.monotonic()`; None where that is not known."""

    participant: str | None
    start_sample: int
    pcm: Pcm = field(repr=False)  # (320,) int16
    arrived_s: float | None = None


class Microphone(Protocol):
    """The bot's voice into the meeting: one persistent stream, silence included. Called from the device thread."""

    def write(self, pcm: Pcm, *, epoch: int) -> None:
        """Hand over s16 mono 48 kHz sound; blocks until the device has room (it holds at most 60 ms). Sound of an
        epoch older than the last flush is replaced by silence of the same length, so positions keep counting.
        Raises DeviceFailed."""
        ...

    def flush(self, epoch: int) -> None:
        """From any thread: silence all sound older than `epoch` that has not left the device, with a short ramp."""
        ...

    def heard(self) -> tuple[int, int]:
        """From any thread: (epoch, sample) now leaving the device, `sample` counting everything ever written."""
        ...

    def neutral(self) -> None:
        """From any thread, even when the event loop hangs: silence from now on, whatever is written; final."""
        ...


class Camera(Protocol):
    """The bot's picture into the meeting. Called from the device thread."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def fps(self) -> int: ...

    def show(self, frame: Frame, *, epoch: int) -> None:
        """Present one I420 frame, shape (height * 3 // 2, width), at once. A frame of an epoch older than the last
        flush is not shown. Raises DeviceFailed."""
        ...

    def flush(self, epoch: int) -> None:
        """From any thread: no frame older than `epoch` is shown any more."""
        ...

    def set_neutral(self, frame: Frame) -> None:
        """The picture `neutral` shows; black until set."""
        ...

    def neutral(self) -> None:
        """From any thread: the neutral picture from now on, whatever is shown; final."""
        ...


class Connector(Protocol):
    """One bot's presence in one meeting. Entered once, joined once."""

    capabilities: Capabilities

    @property
    def timeline_start_s(self) -> float:
        """`time.monotonic()` of sample 0 of the meeting's timeline; set when entered."""
        ...

    @property
    def microphone(self) -> Microphone: ...

    @property
    def camera(self) -> Camera: ...

    async def join(self, request: JoinRequest) -> None:
        """Returns when in the call. Raises JoinRefused, BrowserDied, DeviceFailed, never a platform's own error."""
        ...

    def events(self) -> AsyncIterator[Event]:
        """One consumer, may start before `join`. Ends after Removed, Ended or `leave`. Raises BrowserDied."""
        ...

    def audio(self) -> AsyncIterator[AudioChunk]:
        """One consumer. At most 2 s are held for a slow one, then the oldest are dropped and counted."""
        ...

    async def say_in_chat(self, text: str) -> None:
        """Raises NotSupported."""
        ...

    async def raise_hand(self, up: bool) -> None:
        """Raises NotSupported."""
        ...

    async def leave(self) -> None:
        """Leave as a person would, within 5 s. Safe twice and after Removed or Ended."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...
