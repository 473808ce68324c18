"""What the bot says of itself: on joining, to who comes later, in chat, on leaving; and who has been told yet. Being an
AI is declared by voice, in the chat, in the name and in the picture. Seconds come from the caller; knows no clock."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from bot.conversation.terms import lines

_DECLARES = re.compile(r"\bI(?:'m|’m| am)\b[^.!?]*\ban AI\b[^.!?]*", re.IGNORECASE)
_DENIES = re.compile(r"\b(?:not|no|never|hardly|isn't|ain't)\b", re.IGNORECASE)


def spoken_greeting(name: str, greeting: str = "") -> str:
    """The character's own greeting where it says "I am ... an AI", else that before it: no persona leaves it out."""
    declared = _DECLARES.search(greeting)
    if declared and not _DENIES.search(declared.group()):
        return greeting
    return f"Hello, I'm {name}, an AI assistant. {greeting}".strip()


def spoken_welcome(name: str) -> str:
    """For who comes later. Without their name: it is untrusted, and would be said by our voice."""
    return f"Welcome. I'm {name}, an AI assistant, and I keep a transcript."


def chat_notice(name: str) -> str:
    return (
        f"{name} is an AI assistant. It listens to this meeting to answer when spoken to, and keeps a transcript of "
        f'what is said. Say "{name}, please leave" at any time and it leaves.'
    )


GOODBYE = "Goodbye, and thank you for having me."
FAREWELL = "Goodbye!"  # to one who goes while others stay
NOT_CAUGHT = "I'm sorry, I didn't catch that. Could you say it again?"
TOOK_TOO_LONG = "I'm sorry, that took me too long."


def spoken_goodbye(name: str = "") -> str:
    return GOODBYE


SETTLE_S = 5.0  # who comes within so long of another is told together; and before it nobody's page shows the chat
WINDOW_S = 60.0
PATIENCE_S = 90.0
WRITTEN_PER_WINDOW = 1
SPOKEN_PER_WINDOW = 2
BACK_S = 180.0  # who comes so soon after somebody of that name left is the same
REMEMBERED = 1000  # people who were told, the latest ones
RETRY_S = (2.0, 10.0, 30.0)  # after a notice that failed; after the last of these it is given up


_NOBODYS = frozenset(word for line in lines("nobodys_names.txt") for word in line)


@dataclass(slots=True)
class Way:
    """One way of telling people, by voice or in the chat: who is still to be told, and when that may be."""

    per_window: int
    waiting: dict[str, float] = field(default_factory=dict)  # participant: when they came
    _told_s: deque[float] = field(default_factory=deque)
    _failures: int = 0
    _not_before_s: float = 0.0

    def due(self, at_s: float) -> tuple[str, ...]:
        """Whom to tell now, all of them at once; nobody while it is too early."""
        if not self.waiting or at_s < self._not_before_s or at_s < min(self.waiting.values()) + SETTLE_S:
            return ()
        while self._told_s and self._told_s[0] <= at_s - WINDOW_S:
            self._told_s.popleft()
        return tuple(self.waiting) if len(self._told_s) < self.per_window else ()

    def overdue(self, at_s: float) -> bool:
        """Whether somebody has waited longer than a pause in the talk is worth waiting for."""
        return bool(self.waiting) and at_s >= min(self.waiting.values()) + PATIENCE_S

    def told(self, participants: tuple[str, ...], at_s: float) -> None:
        self._forget(participants)
        self._told_s.append(at_s)
        self._failures = 0

    def failed(self, participants: tuple[str, ...], at_s: float) -> tuple[str, ...]:
        """To be tried again, unless that was the last time: then these are given up and returned."""
        if self._failures < len(RETRY_S):
            self._not_before_s = at_s + RETRY_S[self._failures]
            self._failures += 1
            return ()
        self._failures = 0
        return self._forget(participants)

    def _forget(self, participants: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one for one in participants if self.waiting.pop(one, None) is not None)


def _is_somebodys(name: str) -> bool:
    """Not what platforms and devices call whoever gives no name."""
    words = re.findall(r"[^\W\d_]+", name.casefold())
    return not _NOBODYS.issuperset(words)


class Audience:
    """Everyone who came, and which of them still has to be told what the bot is. Who left and comes back knows: by
    their id or, as platforms give a new one, by a name that somebody who was told has left free a moment ago."""

    def __init__(self, *, by_chat: bool = True) -> None:
        self.spoken, self.written = Way(per_window=SPOKEN_PER_WINDOW), Way(per_window=WRITTEN_PER_WINDOW)
        self._ways = (self.spoken, self.written) if by_chat else (self.spoken,)
        self._here: dict[str, str] = {}
        self._known: dict[str, None] = {}  # who was told, those who were last at the end
        self._left: deque[tuple[str, float]] = deque(maxlen=REMEMBERED)  # names of those who left knowing, and when
        self._unreached: dict[str, int] = {}  # ways given up, per participant

    def joined(self, participant: str, name: str, at_s: float) -> None:
        self._here[participant] = name
        if participant in self._known or self._is_back(name, at_s):
            self._knows(participant)
            return
        for way in self._ways:
            way.waiting[participant] = at_s

    def renamed(self, participant: str, name: str, at_s: float) -> None:
        """Who has a name only now may be somebody who is back; who was told is not told again for another name."""
        was = self._here.get(participant)
        if was is None:
            return
        self._here[participant] = name
        if not was and participant not in self._known and self._is_back(name, at_s):
            self._knows(participant)
            for way in self._ways:
                way.waiting.pop(participant, None)

    def _is_back(self, name: str, at_s: float) -> bool:
        """Whether somebody who was told has just left that name free."""
        if not _is_somebodys(name):
            return False
        free = next((one for one in self._left if one[0] == name and at_s - one[1] <= BACK_S), None)
        if free is not None:
            self._left.remove(free)
        return free is not None

    def left(self, participant: str, at_s: float) -> None:
        name = self._here.pop(participant, "")
        if participant in self._known:
            self._left.append((name, at_s))
        for way in self._ways:
            way.waiting.pop(participant, None)
        self._unreached.pop(participant, None)

    @property
    def here(self) -> tuple[str, ...]:
        return tuple(self._here)

    def told(self, way: Way, participants: tuple[str, ...], at_s: float) -> None:
        way.told(participants, at_s)
        for participant in participants:
            self._knows(participant)

    def _knows(self, participant: str) -> None:
        self._known[participant] = None
        if len(self._known) > REMEMBERED:  # who is forgotten is told again
            del self._known[next(iter(self._known))]

    def failed(self, way: Way, participants: tuple[str, ...], at_s: float) -> tuple[str, ...]:
        """Returns those whom no way has reached and none will."""
        for participant in way.failed(participants, at_s):
            self._unreached[participant] = self._unreached.get(participant, 0) + 1
        lost = [one for one, ways in self._unreached.items() if ways == len(self._ways) and one not in self._known]
        for participant in lost:
            del self._unreached[participant]
        return tuple(lost)
