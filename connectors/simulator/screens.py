"""What the simulator's page says: every screen and every label, as data. Knows nothing of how it is drawn.

Texts and labels have the wording of Google Meet's English page as public bots record it, read 2026-11-21.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from connectors.base import Refusal

READ_ON = "2026-11-21"


class Moment(StrEnum):
    """When a scripted meeting shows its refusal."""

    OPEN = "open"  # as soon as the page is opened
    KNOCK = "knock"  # after "Ask to join"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A page that ends the way in (or out)."""

    heading: str
    text: str = ""
    moment: Moment = Moment.OPEN
    captcha: bool = False  # shows a challenge frame beside the words


REFUSALS: dict[Refusal, Notice] = {
    Refusal.INVALID_LINK: Notice(heading="Invalid video call name", text="Check the link and try again."),
    Refusal.NOT_FOUND: Notice(
        heading="Check your meeting code",
        text="Make sure you entered the correct meeting code in the URL, for example: meet.google.com/xxx-yyyy-zzz",
    ),
    Refusal.NOT_STARTED: Notice(
        heading="Waiting for the host to join",
        text="The call hasn't started. Try again when the host is there.",
        moment=Moment.KNOCK,
    ),
    Refusal.ENDED: Notice(heading="This meeting has ended", text="You can't rejoin this call."),
    Refusal.FULL: Notice(
        heading="This video call is full", text="There's no room for more people right now.", moment=Moment.KNOCK
    ),
    Refusal.LOCKED: Notice(
        heading="This meeting is locked", text="The host doesn't let anyone else join.", moment=Moment.KNOCK
    ),
    Refusal.DENIED: Notice(
        heading="You can't join this call",
        text="Someone in the call denied your request to join",
        moment=Moment.KNOCK,
    ),
    Refusal.LOBBY_TIMEOUT: Notice(
        heading="You can't join this call",
        text="No one responded to your request to join the call",
        moment=Moment.KNOCK,
    ),
    Refusal.SIGN_IN_REQUIRED: Notice(heading="Sign in", text="Use your Google Account to join this video call"),
    Refusal.BLOCKED_BY_POLICY: Notice(heading="You can't join this video call", text="Return to home screen"),
    Refusal.CAPTCHA: Notice(heading="One more step", text="Confirm that you're not a robot", captcha=True),
    Refusal.PAGE_NOT_UNDERSTOOD: Notice(
        heading="Meetings look different now", text="Take the tour of what has changed."
    ),
}

ENDINGS: dict[str, Notice] = {
    "removed": Notice(heading="You've been removed from the meeting", text="The host removed you from this call."),
    "ended": Notice(heading="Your host ended the meeting for everyone", text="Thanks for being here."),
    "left": Notice(heading="You left the meeting", text="You can close this tab or join again."),
    "lost": Notice(
        heading="You lost your connection", text="The meeting server does not answer. Reload to join again."
    ),
}

LABELS: dict[str, str] = {  # the accessible names of controls
    "your_name": "Your name",
    "ask_to_join": "Ask to join",
    "join_now": "Join now",
    "microphone_off": "Turn off microphone",
    "microphone_on": "Turn on microphone",
    "microphones": "Microphone",
    "camera_off": "Turn off camera",
    "camera_on": "Turn on camera",
    "hand_up": "Raise hand",
    "hand_down": "Lower hand",
    "chat": "Chat with everyone",
    "people": "People",
    "leave": "Leave call",
    "send": "Send a message",
    "message": "Send a message to everyone",
    "close": "Close",
}

TEXTS: dict[str, str] = {  # the words on screens that go on
    "prejoin": "Ready to join?",
    "prejoin_name": "What's your name?",
    "no_video": "Receive no video",
    "no_sound": "Receive no sound",
    "lobby": "Asking to be let in",
    "lobby_text": "You'll join the call when someone lets you in",
    "home": "Return to home screen",
    "chat": "In-call messages",
    "people": "People",
    "you": "You",
    "empty_chat": "Messages can be seen by everyone in the call and are gone when it ends.",
}


def as_json() -> dict[str, dict[str, str]]:
    """What the page needs of this table."""
    return {"labels": LABELS, "texts": TEXTS}


def notice_message(screen: str, notice: Notice) -> dict[str, object]:
    """The signalling message that shows a notice."""
    return {
        "type": "notice",
        "screen": screen,
        "heading": notice.heading,
        "text": notice.text,
        "captcha": notice.captcha,
    }
