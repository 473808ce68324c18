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

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

from connectors.devices import Camera as Camera
from connectors.devices import Frame as Frame
from connectors.devices import Microphone as Microphone
from connectors.devices import Pcm as Pcm

HEARING_RATE_HZ = 16_000
CHUNK_SAMPLES = 320  # 20 ms
MICROPHONE_RATE_HZ = 48_000

Spot = tuple[float, float]  # x, y in a window, -1..1 each; 0 is its middle


class Refusal(StrEnum):
    """Why a platform or a host did not let us in. The value is the code users see; the text is what it means, the
    advice what a person has to change so that a bot gets in, empty where nobody can."""

    def __new__(cls, code: str, text: str, advice: str = "") -> Refusal:
        member = str.__new__(cls, code)
        member._value_ = code
        member.text = text
        member.advice = advice
        return member

    text: str
    advice: str

    INVALID_LINK = "invalid_link", "The link is not one of a meeting.", "Copy the link from the invitation again."
    NOT_FOUND = (
        "meeting_not_found",
        "The platform knows no meeting under this link.",
        "Compare the link with the invitation; the meeting may have been deleted or its link replaced.",
    )
    NOT_STARTED = (
        "meeting_not_started",
        "The meeting has not started, or did not while the bot waited.",
        "The host has to start the meeting, or allow others to join before the host.",
    )
    ENDED = "meeting_ended", "The meeting is over.", "The host has to open the meeting again."
    FULL = "meeting_full", "The meeting has no free place.", "Someone has to leave, or the host needs a larger plan."
    LOCKED = "meeting_locked", "The host has locked the meeting.", "The host has to unlock the meeting."
    DENIED = (
        "request_denied",
        "Someone in the meeting denied the request to join.",
        "The host has to agree to the bot first, and then send it again.",
    )
    LOBBY_TIMEOUT = (
        "lobby_timeout",
        "Nobody answered the request to join in time.",
        "Someone who may admit guests has to be in the meeting and admit the bot from the list of those who wait.",
    )
    SIGN_IN_REQUIRED = (
        "sign_in_required",
        "The meeting only admits signed-in accounts.",
        "The host has to admit guests who are not signed in, or the bot needs an account of its own.",
    )
    PASSCODE_WRONG = (
        "passcode_wrong",
        "The passcode is missing or wrong.",
        "Give the passcode of the invitation, or a link that carries it.",
    )
    BOTS_BLOCKED = (
        "bots_blocked",
        "The platform or its administrator does not admit automated participants.",
        "An administrator has to allow this bot; it declares what it is and does not try to pass for a person.",
    )
    BLOCKED_BY_POLICY = (
        "blocked_by_policy",
        "The meeting's or its organisation's settings do not admit this guest; the page does not say which.",
        "The host has to admit guests from outside, or an administrator to allow it.",
    )
    CAPTCHA = (
        "captcha_shown",
        "The platform asks for proof of being human; a bot does not give one.",
        "The host has to invite the bot by a way that asks for none, such as an account of the bot's own.",
    )
    CONSENT_REQUIRED = (
        "consent_required",
        "The meeting asks everyone to agree to something first; a bot agrees to nothing.",
        "The host has to switch that off, such as recording or notes that start with the meeting.",
    )
    ENCRYPTED = (
        "e2ee",
        "The meeting is encrypted end to end, which its web page cannot join.",
        "The host has to switch end-to-end encryption off for this meeting.",
    )
    REGISTRATION_REQUIRED = (
        "registration_required",
        "The meeting asks its guests to register first.",
        "Register the bot by hand and give it the personal link, or switch registration off.",
    )
    SDK_REQUIRED = (
        "sdk_required",
        "The meeting admits automated participants by the platform's own SDK only, not by its web page.",
        "The host's account has to allow web guests that are automated, or the bot needs the SDK, which it has not.",
    )
    PLATFORM_ERROR = "platform_error", "The platform's page said that something failed.", "Try again later."
    UNREACHABLE = "unreachable", "The meeting's address did not answer.", "Check the link and the network of the host."
    PAGE_NOT_UNDERSTOOD = "page_not_understood", "The page showed a screen this version does not know."


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What was on the screen when something was decided. Text is from the page: untrusted, shown as text only.
    `left_out`: which of picture, page and heading could not be had in time or written; a decision waits for none."""

    url: str
    heading: str = ""
    rule: str = ""  # the one that decided, as the platform's selectors name it
    screenshot: Path | None = None
    html: Path | None = None
    left_out: tuple[str, ...] = ()


class ConnectorError(Exception):
    """The connector cannot go on."""

    code = "connector_error"
    retryable = False

    def __init__(self, *said: object, evidence: Evidence | None = None) -> None:
        super().__init__(*said)
        self.evidence = evidence


class UnknownPlatform(ConnectorError):
    """No connector knows this link; supported are the platforms listed in the README."""

    code = "unknown_platform"


class BrowserDied(ConnectorError):
    """The browser ended while the meeting was going on."""

    code = "browser_died"
    retryable = True


class ConnectionLost(ConnectorError):
    """The meeting's page lost its connection, or has shown the call no more for long."""

    code = "connection_lost"
    retryable = True


class LeftUnasked(ConnectorError):
    """The meeting's page has left without the bot having asked for it; who or what did that, it does not say."""

    code = "left_unasked"


class DeviceFailed(ConnectorError):
    """A sound server, virtual camera or virtual microphone could not be started; `understudy doctor` says why."""

    code = "device_failed"
    retryable = True


class NotSupported(ConnectorError):
    """The platform cannot do this; `capabilities` says what it can."""

    code = "not_supported"


class NotDone(ConnectorError):
    """The meeting's page did not do what it was asked to: its control is not there, or had no effect."""

    code = "not_done"
    retryable = True


class JoinRefused(ConnectorError):
    """The meeting did not let the bot in, or lets it stay no longer."""

    code = "join_refused"

    def __init__(self, refusal: Refusal, evidence: Evidence | None = None, *, advice: str | None = None) -> None:
        super().__init__(refusal.text, evidence=evidence)
        self.refusal = refusal
        self.advice = refusal.advice if advice is None else advice


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
    layout: bool = False  # where each one's picture stands


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinRequest:
    """`display_name` is used as given: whoever asks has put "(AI)" in it."""

    meeting_url: str
    display_name: str
    passcode: str | None = field(default=None, repr=False)  # None: the link's own, where it has one
    identification: str | None = field(default=None, repr=False)  # the platform's token that declares a bot, if any
    page_timeout_s: float = 30.0  # for the page to answer
    lobby_timeout_s: float = 600.0  # for a host to admit us


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    at_s: float  # seconds on the meeting's timeline, as in every event


@dataclass(frozen=True, kw_only=True, slots=True)
class InLobby:
    """The bot waits to be let in; also out of a call, when it has been sent back. Then all others are told as gone."""

    at_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ParticipantJoined:
    at_s: float
    participant: str  # stable within the meeting
    name: str  # as the participant typed it: untrusted; empty where the page has not drawn it yet
    is_self: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ParticipantRenamed:
    """Someone who has joined is called otherwise, or their name was drawn late. It is theirs from now on."""

    at_s: float
    participant: str
    name: str  # untrusted, never empty


@dataclass(frozen=True, kw_only=True, slots=True)
class ParticipantLeft:
    at_s: float
    participant: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UnnamedPeople:
    """How many others are here besides those who were told one by one: their pictures say not whose they are. Told
    when another number has stood for a second. Where the page does not say which picture is ours, one is."""

    at_s: float
    others: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Speaking:
    """The platform's own sign that someone speaks or stopped."""

    at_s: float
    participant: str
    active: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatMessage:
    """Written since the bot came, and only then: what is there when the chat is first read is old, on coming back from
    a lobby too. What is written in that moment, before `join` returns, may be taken for old."""

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
class Layout:
    """Where the pictures of those who were told one by one stand in the bot's window: their middles, x to the right and
    y down, -1..1. All of it anew whenever that has changed by more than a little and come to rest. A picture beyond the
    window's edge stands at the edge; `own` None: the page does not say which one is ours."""

    at_s: float
    others: Mapping[str, Spot]  # by participant
    own: Spot | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureArrives:
    """Whether the bot's picture leaves for the others, by the connections' own count: told when it has not for 5 s
    though someone is there, and when it does again."""

    at_s: float
    active: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundArrives:
    """Whether the bot's voice leaves for the others, by the connections' own measure: told when it has spoken and
    nothing left though someone is there, as when a host has switched its microphone off, and when it does again."""

    at_s: float
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
    evidence: Evidence | None = None


Event = (
    Admitted
    | InLobby
    | ParticipantJoined
    | ParticipantRenamed
    | ParticipantLeft
    | UnnamedPeople
    | Speaking
    | ChatMessage
    | ScreenShared
    | Layout
    | PictureArrives
    | SoundArrives
    | Removed
    | Ended
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
        """Returns when in the call. Raises JoinRefused, BrowserDied, DeviceFailed, never a platform's own error. Has an
        end whatever the page does: a minute after four times the page's time and once the lobby's."""
        ...

    def events(self) -> AsyncIterator[Event]:
        """One consumer, may start before `join`. Ends after Removed, Ended or `leave`. Raises BrowserDied,
        ConnectionLost, LeftUnasked, JoinRefused when a call turns into a refusal, and ConnectorError itself when what
        reads the page breaks: once joined, it always has an end."""
        ...

    def audio(self) -> AsyncIterator[AudioChunk]:
        """One consumer. At most 2 s are held for a slow one, then the oldest are dropped and counted."""
        ...

    async def say_in_chat(self, text: str) -> None:
        """Returns when the page has sent it. Raises NotSupported, NotDone, BrowserDied."""
        ...

    async def raise_hand(self, up: bool) -> None:
        """Raises NotSupported, NotDone, BrowserDied."""
        ...

    def hits(self) -> Mapping[str, int]:
        """How often each rule and each way to a control served, by its name: what never does is out of date."""
        ...

    async def leave(self) -> None:
        """Leave as a person would, within 5 s. Safe twice and after Removed or Ended."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...
