"""Google Meet's page as data: what each screen says, what each control is called. Knows no browser.

English page, as public bots record it, read 2026-11-21; not yet seen by us on the live product. Texts are compared by
their beginning, without regard to case, spaces or the shape of apostrophes, with the text of single elements: words of
participants are never among them (`page.js` leaves out tiles, chat and lists of people).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connectors.base import Refusal
from connectors.kit.words import NAME_CHARACTERS, plain

READ_ON = "2026-11-21"

SELECTORS: dict[str, str] = {
    "name": 'input[aria-label="Your name"]',
    "join": 'button:text-matches("^(Ask to join|Join now|Join anyway|Join here too)", "i")',
    "turn_on": '[aria-label^="Turn on microphone"], [aria-label^="Turn on camera"]',
    "leave": 'button[aria-label^="Leave call"]',
    "chat_open": 'button[aria-label^="Chat with everyone"]',
    "chat_box": 'textarea[aria-label^="Send a message"]',
    "hand_up": 'button[aria-label^="Raise hand"]',
    "hand_down": 'button[aria-label^="Lower hand"]',
    "dismiss": 'button:text-is("Got it")',
    "tile": "[data-participant-id]",
    "tile_name": ".notranslate",
    "tile_self": "[data-self-name]",
    "tile_speaking": ".speaking",
    "message": "[data-message-id]",
    "message_sender": ".sender",
    "captcha": 'iframe[src*="recaptcha"], iframe[title="reCAPTCHA"]',
    "peoples_words": '[data-participant-id], [data-message-id], [role="listitem"], .sender, textarea, input',
}
PARTICIPANT = "data-participant-id"
MESSAGE = "data-message-id"
SELF_NAME = "data-self-name"


class Kind(StrEnum):
    LOBBY = "lobby"
    REFUSED = "refused"
    REMOVED = "removed"
    ENDED = "ended"
    LEFT = "left"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Screen:
    """A row: when each of `says` begins some element's text, the page shows this."""

    kind: Kind
    says: tuple[str, ...]
    refusal: Refusal | None = None


def _refused(refusal: Refusal, *rows: tuple[str, ...]) -> tuple[Screen, ...]:
    return tuple(Screen(kind=Kind.REFUSED, refusal=refusal, says=says) for says in rows)


# In this order: the lobby first, for its page shares words with others; what says more before what says less.
SCREENS: tuple[Screen, ...] = (
    Screen(kind=Kind.LOBBY, says=("Asking to be let in",)),
    Screen(kind=Kind.LOBBY, says=("Please wait until a meeting host brings you",)),
    Screen(kind=Kind.REMOVED, says=("You've been removed from the meeting",)),
    Screen(kind=Kind.ENDED, says=("Your host ended the meeting for everyone",)),
    Screen(kind=Kind.LEFT, says=("You left the meeting",)),
    Screen(kind=Kind.LOST, says=("You lost your connection",)),
    *_refused(Refusal.DENIED, ("Someone in the call denied your request to join",)),
    *_refused(Refusal.LOBBY_TIMEOUT, ("No one responded to your request to join",)),
    *_refused(Refusal.ENDED, ("This meeting has ended",), ("Your meeting code has expired",)),
    *_refused(Refusal.NOT_FOUND, ("Check your meeting code",), ("The meeting code you entered doesn't work",)),
    *_refused(Refusal.INVALID_LINK, ("Invalid video call name",)),
    *_refused(Refusal.NOT_STARTED, ("Waiting for the host to join",)),
    *_refused(Refusal.FULL, ("This video call is full",), ("The meeting is full",)),
    *_refused(Refusal.LOCKED, ("This meeting is locked",)),
    *_refused(
        Refusal.SIGN_IN_REQUIRED,
        ("Sign in", "Use your Google Account"),
        ("Sign in", "to continue to Google Meet"),
    ),
    *_refused(
        Refusal.BOTS_BLOCKED,
        ("You can't join this video call",),
        ("There is a problem connecting to this video call",),
    ),
    *_refused(Refusal.CAPTCHA, ("Confirm that you're not a robot",)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    name: str
    is_self: bool
    speaking: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    id: str
    sender: str  # empty: our own
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """What the page shows at one moment, as `page.js` reads it."""

    phrases: tuple[str, ...] = ()
    door: bool = False  # the name can be typed or the join button pressed
    leave: bool = False
    captcha: bool = False
    people: dict[str, Person]
    messages: tuple[Message, ...] = ()

    @property
    def in_call(self) -> bool:
        return self.leave and bool(self.people)


def snapshot_of(read: dict[str, Any]) -> Snapshot:
    return Snapshot(
        phrases=tuple(normal(str(phrase)) for phrase in read["phrases"]),
        door=bool(read["door"]),
        leave=bool(read["leave"]),
        captcha=bool(read["captcha"]),
        people={str(one["id"]): _person(one) for one in read["people"]},
        messages=tuple(_message(one) for one in read["messages"]),
    )


def _person(one: dict[str, Any]) -> Person:
    name = plain(str(one["name"]), NAME_CHARACTERS)
    return Person(name=name, is_self=bool(one["is_self"]), speaking=bool(one["speaking"]))


def _message(one: dict[str, Any]) -> Message:
    sender = plain(str(one["sender"]), NAME_CHARACTERS)
    return Message(id=str(one["id"]), sender=sender, text=plain(str(one["text"])))


def screen_of(snapshot: Snapshot) -> Screen | None:
    """The first row the page satisfies. A visible captcha counts only where no words say more."""
    for screen in SCREENS:
        if all(any(phrase.startswith(normal(text)) for phrase in snapshot.phrases) for text in screen.says):
            return screen
    return Screen(kind=Kind.REFUSED, refusal=Refusal.CAPTCHA, says=()) if snapshot.captcha else None


def normal(text: str) -> str:
    return " ".join(re.sub("[\u2018\u2019\u02bc\u00b4`]", "'", text).lower().split())
