"""Which meeting a link opens: one that was made, or the one its scenario makes. Knows no network.

A scripted meeting is one of its code and of what its link says happens in it; language and variants are each page's.
Whoever comes while nobody is in it finds it new, so a link plays the same however often it is opened.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string

from connectors.base import Refusal
from connectors.simulator.rooms import Room
from connectors.simulator.scenarios import Policy, scenario, seconds

CODE = re.compile(r"[a-z]{3}-[a-z]{4}-[a-z]{3}")
SCRIPTED_ROOMS = 2000  # of which those that nobody is in are kept only to be asked about


class SeveralMeetings(Exception):
    """Several scripted meetings are going on under this code: say which, by its scenario."""


class Meetings:
    def __init__(self, *, scripted_rooms: int = SCRIPTED_ROOMS) -> None:
        self._scripted_rooms = scripted_rooms
        self._made: dict[str, Room] = {}
        self._scripted: dict[tuple[str, Policy], Room] = {}  # the one that was made last stands last

    def make(self, policy: Policy, code: str | None = None) -> Room:
        """A new meeting; `code` None makes one up. Raises ValueError when the code is taken or has another shape."""
        code = code or _new_code()
        if not CODE.fullmatch(code) or code in self._made:
            raise ValueError(f"{code!r} is no free meeting code of the shape abc-defg-hij")
        room = self._made[code] = Room(code, policy)
        return room

    def of_link(self, code: str, name: str = "", after: str = "") -> Room:
        """The meeting of a link and of its words `scenario` and `after`; as on a platform, a wrong one is told by its
        page. Whoever asks enters it before anybody else asks: until then it counts as empty."""
        policy = scenario(name, seconds(after))
        if not CODE.fullmatch(code):
            return _refusing(code, Refusal.INVALID_LINK)
        if policy is None:
            made = None if name else self._made.get(code)
            return made or _refusing(code, Refusal.NOT_FOUND)
        room = self._scripted.get((code, policy))
        if room is not None and not room.is_empty:
            return room
        self._scripted.pop((code, policy), None)
        if not self._has_a_place():
            return _refusing(code, Refusal.PLATFORM_ERROR)
        room = self._scripted[code, policy] = Room(code, policy)
        return room

    def find(self, code: str, name: str = "", after: str = "") -> Room:
        """The meeting a host means: by its scenario when one is named, else the one that was made under this code, else
        the scripted one that someone is in, or was in last. Raises KeyError, SeveralMeetings."""
        if name:
            policy = scenario(name, seconds(after))
            if policy is None:
                raise KeyError(name)
            return self._scripted[code, policy]
        if code in self._made:
            return self._made[code]
        scripted = [room for (of, _), room in self._scripted.items() if of == code]
        going_on = [room for room in scripted if not room.is_empty]
        if len(going_on) > 1:
            raise SeveralMeetings
        if not scripted:
            raise KeyError(code)
        return (going_on or scripted)[-1]

    def of_host(self, code: str, token: str) -> Room | None:
        """The meeting whose host has this token."""
        made = self._made.get(code)
        rooms = [room for (of, _), room in self._scripted.items() if of == code]
        for room in [*rooms, *([made] if made else [])]:
            if hmac.compare_digest(room.host_token.encode(), token.encode()):
                return room
        return None

    def _has_a_place(self) -> bool:
        """For one more scripted meeting; the oldest that nobody is in makes room for it."""
        if len(self._scripted) < self._scripted_rooms:
            return True
        oldest = next((key for key, room in self._scripted.items() if room.is_empty), None)
        if oldest is not None:
            del self._scripted[oldest]
        return oldest is not None


def _refusing(code: str, refusal: Refusal) -> Room:
    return Room(code, Policy(refuse=refusal))


def _new_code() -> str:
    letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(10))
    return f"{letters[:3]}-{letters[3:7]}-{letters[7:]}"
