"""The name a bot carries in a meeting. It always says that it is an AI; no caller can leave that out. Pure."""

from __future__ import annotations

import re
import unicodedata

from bot.errors import BadInput

DISCLOSURE = "(AI)"
_DISCLOSURE = re.compile(re.escape(DISCLOSURE), re.IGNORECASE | re.ASCII)
MAX_NAME_CHARACTERS = 60  # the shortest limit of the platforms we know, disclosure included


class BadBotName(BadInput):
    """A bot's name needs at least one letter, digit or symbol."""

    code = "bad_bot_name"


def disclosed_name(name: str) -> str:
    """`name` in one line of at most 60 characters, with "(AI)" in it. Raises BadBotName.

    Invisible and direction-changing characters are removed first, so they can neither fake nor hide the disclosure.
    """
    visible = "".join(" " if c.isspace() else c for c in unicodedata.normalize("NFKC", name))
    visible = " ".join("".join(c for c in visible if unicodedata.category(c)[0] != "C").split())
    if not any(unicodedata.category(c)[0] in "LNS" for c in visible):
        raise BadBotName
    found = _DISCLOSURE.search(visible)
    at = found.start() if found else -1
    if 0 <= at <= MAX_NAME_CHARACTERS - len(DISCLOSURE):
        return (visible[:at] + DISCLOSURE + visible[at + len(DISCLOSURE) :])[:MAX_NAME_CHARACTERS].rstrip()
    return f"{visible[: MAX_NAME_CHARACTERS - len(DISCLOSURE) - 1].rstrip()} {DISCLOSURE}"
