"""What happens in a simulated meeting: who knocks, who is in, what everyone is told. Knows no network and no clock.

A `Seat` is one open page. Whoever makes it gives a `send` that takes one JSON-ready message and never blocks.
"""

from __future__ import annotations

import itertools
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from connectors.base import Refusal
from connectors.simulator.scenarios import Policy
from connectors.simulator.screens import Moment, Notice, Skin, notice, notice_message

Message = dict[str, Any]
NAME_LIMIT = 60
CHAT_LIMIT = 2000
CHAT_KEPT = 200
STATES = ("camera", "microphone", "speaking", "hand", "sharing")


@dataclass(eq=False, kw_only=True, slots=True)
class Seat:
    """One open page; `place` says how far it has come: page, lobby, call or out."""

    id: str
    send: Callable[[Message], None]
    skin: Skin = field(default_factory=Skin)
    name: str = ""
    place: str = "page"
    arrived: Callable[[str], None] = field(default=lambda place: None)  # told when it comes into lobby or call
    state: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(STATES, False))

    def shown(self) -> Message:
        return {"id": self.id, "name": self.name, **self.state}


class Room:
    """One meeting. Every method leaves all pages with the same picture of it."""

    def __init__(self, code: str, policy: Policy) -> None:
        self.code, self.policy = code, policy
        self.host_token = secrets.token_urlsafe(16)
        self.over = False
        self._numbers = itertools.count(1)
        self._messages = itertools.count(1)
        self._seats: dict[str, Seat] = {}
        self._watchers: set[Callable[[Message], None]] = set()
        self._chat: deque[Message] = deque(maxlen=CHAT_KEPT)

    @property
    def is_empty(self) -> bool:
        """No page of it is open, and no host's."""
        return not self._seats and not self._watchers

    def people(self) -> list[Seat]:
        return [seat for seat in self._seats.values() if seat.place == "call"]

    def knocks(self) -> list[Seat]:
        return [seat for seat in self._seats.values() if seat.place == "lobby"]

    def open(self, send: Callable[[Message], None], skin: Skin | None = None) -> Seat:
        """A page opened the meeting's link."""
        seat = Seat(id=f"spaces/{self.code}/devices/{next(self._numbers)}", send=send, skin=skin or Skin())
        self._seats[seat.id] = seat
        refusal = Refusal.ENDED if self.over else self.policy.refuse
        if refusal is not None and notice(seat.skin, refusal.value).moment is Moment.OPEN:
            self._refuse(seat, refusal)
        else:
            seat.send({"type": "prejoin", "lobby": self.policy.lobby})
        return seat

    def knock(self, seat: Seat, name: str, state: Message) -> None:
        """The page pressed "Ask to join" or "Join now"."""
        if seat.place != "page":
            return
        seat.name = " ".join(name.split())[:NAME_LIMIT] or "Guest"
        self._take(seat, state)
        refusal = self._refusal_at_the_door()
        if refusal is not None:
            self._refuse(seat, refusal)
        elif self.policy.lobby:
            seat.place = "lobby"
            seat.send({"type": "lobby"})
            seat.arrived("lobby")
            self._tell_watchers()
        else:
            self._let_in(seat)

    def admit(self, who: str) -> bool:
        """Let in whoever knocks under this id or name. False: nobody does."""
        return self._each(self.knocks(), who, self._let_in)

    def deny(self, who: str) -> bool:
        return self._each(self.knocks(), who, lambda seat: self._refuse(seat, Refusal.DENIED))

    def wait_no_longer(self, seat: Seat) -> None:
        """The page's time in the lobby is up."""
        if seat.place == "lobby":
            self._refuse(seat, Refusal.LOBBY_TIMEOUT)

    def remove(self, who: str) -> bool:
        return self._each(self.people(), who, lambda seat: self._out(seat, "removed"))

    def end(self) -> None:
        self.over = True
        for seat in [*self.people(), *self.knocks()]:
            self._out(seat, "ended")

    def end_for(self, seat: Seat) -> None:
        """This page alone is told that the meeting has ended."""
        self._out(seat, "ended")

    def leave(self, seat: Seat) -> None:
        self._out(seat, "left")

    def close(self, seat: Seat) -> None:
        """The page is gone; there is nobody to tell."""
        self._seats.pop(seat.id, None)
        self._gone(seat)

    def update(self, seat: Seat, state: Message) -> None:
        """Camera, microphone, hand or voice of a participant changed, or of one who waits."""
        if seat.place in ("lobby", "call") and self._take(seat, state):
            if seat.place == "call":
                self._tell({"type": "state", **seat.shown()})
            self._tell_watchers()

    def chat(self, seat: Seat, text: str) -> None:
        if seat.place == "call" and text.strip():
            message = {"type": "chat", "id": str(next(self._messages)), "from": seat.id, "name": seat.name}
            message["text"] = text.strip()[:CHAT_LIMIT]
            self._chat.append(message)
            self._tell(message)

    def signal(self, seat: Seat, to: str, body: Any) -> None:
        """Pass what one browser's WebRTC says to another's."""
        other = self._seats.get(to)
        if seat.place == "call" and other is not None and other.place == "call":
            other.send({"type": "signal", "from": seat.id, "body": body})

    def watch(self, send: Callable[[Message], None]) -> None:
        self._watchers.add(send)
        send(self.seen_by_host())

    def unwatch(self, send: Callable[[Message], None]) -> None:
        self._watchers.discard(send)

    def seen_by_host(self) -> Message:
        return {
            "type": "room",
            "code": self.code,
            "over": self.over,
            "knocks": [seat.shown() for seat in self.knocks()],
            "people": [seat.shown() for seat in self.people()],
        }

    def _refusal_at_the_door(self) -> Refusal | None:
        if self.over:
            return Refusal.ENDED
        if self.policy.refuse is not None:
            return self.policy.refuse
        return Refusal.FULL if len(self.people()) >= self.policy.capacity else None

    def _let_in(self, seat: Seat) -> None:
        if len(self.people()) >= self.policy.capacity:
            self._refuse(seat, Refusal.FULL)
            return
        others = [other.shown() for other in self.people()]
        seat.place = "call"
        seat.send({"type": "call", "self": seat.shown(), "participants": others, "chat": list(self._chat)})
        self._tell({"type": "joined", "participant": seat.shown()}, but=seat)
        seat.arrived("call")
        self._tell_watchers()

    def _refuse(self, seat: Seat, refusal: Refusal) -> None:
        seat.place = "out"
        _show(seat, refusal.value)
        self._tell_watchers()

    def _out(self, seat: Seat, ending: str) -> None:
        if seat.place in ("call", "lobby"):
            self._gone(seat)
            _show(seat, ending)

    def _gone(self, seat: Seat) -> None:
        was, seat.place = seat.place, "out"
        if was == "call":
            self._tell({"type": "left", "id": seat.id})
        self._tell_watchers()

    def _take(self, seat: Seat, state: Message) -> bool:
        changes = {key: bool(state[key]) for key in STATES if key in state and bool(state[key]) != seat.state[key]}
        seat.state.update(changes)
        return bool(changes)

    def _each(self, seats: Iterable[Seat], who: str, act: Callable[[Seat], None]) -> bool:
        found = [seat for seat in seats if who in (seat.id, seat.name)]
        for seat in found:
            act(seat)
        return bool(found)

    def _tell(self, message: Message, *, but: Seat | None = None) -> None:
        for seat in self.people():
            if seat is not but:
                seat.send(message)

    def _tell_watchers(self) -> None:
        for send in list(self._watchers):
            send(self.seen_by_host())


def _show(seat: Seat, screen: str) -> None:
    """What the platform's server would say first, then the screen."""
    shown: Notice = notice(seat.skin, screen)
    for frame in shown.frames:
        seat.send({"type": "frame", "text": frame})
    seat.send(notice_message(screen, shown))
