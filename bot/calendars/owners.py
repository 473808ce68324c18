"""Whose a calendar is: an e-mail address as calendars write it, by which an owner's answers are found. Pure."""

from __future__ import annotations

import re

from bot.errors import BadInput

MOST_CHARACTERS = 254  # RFC 5321, 4.5.3.1.3, less its brackets
_ADDRESS = re.compile(r'[^\s@<>()\[\]\\,;:"]{1,64}@[^\s@<>()\[\]\\,;:"._-][^\s@<>()\[\]\\,;:"]*')


class BadOwner(BadInput):
    """Whose calendar it is is told by one e-mail address alone, such as ann@example.com."""

    code = "bad_owner"


def owner_of(text: str) -> str:
    """As it is compared. Empty: nobody in particular. Raises BadOwner: what is found in no list of guests would pass
    for somebody who was never asked, whose bot then goes to what they declined."""
    owner = text.strip().casefold()
    if owner and (len(owner) > MOST_CHARACTERS or not owner.isprintable() or _ADDRESS.fullmatch(owner) is None):
        raise BadOwner
    return owner
