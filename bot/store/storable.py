"""Text that every database can keep. People in meetings may write anything; PostgreSQL takes no NUL, UTF-8 no half of
a surrogate pair, and a line that cannot be written must not cost a bot its meeting.

What cannot be kept is replaced by U+FFFD on its way into the database, whoever writes it. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def storable(value: Any) -> Any:
    """`value` with every text in it made fit to be kept; itself where all of it is."""
    if isinstance(value, str):
        return _UNSTORABLE.sub(_REPLACEMENT, value) if _UNSTORABLE.search(value) else value
    if isinstance(value, Mapping):
        return {storable(key): storable(one) for key, one in value.items()}
    return [storable(one) for one in value] if isinstance(value, list | tuple) else value


def is_storable(value: Any) -> bool:
    """Is every text in it fit to be kept as it is?"""
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is None
    if isinstance(value, Mapping):
        return all(is_storable(key) and is_storable(one) for key, one in value.items())
    return all(map(is_storable, value)) if isinstance(value, list | tuple) else True


def to_json(value: Any) -> str:
    """How documents are written into the database."""
    return json.dumps(storable(value))


def parameters(given: Any) -> Any:
    """A statement's parameters as a driver gets them: a tuple, a dict, or a list of these."""
    if isinstance(given, tuple):
        return tuple(storable(one) if isinstance(one, str) else one for one in given)
    if isinstance(given, Mapping):
        return {name: storable(one) if isinstance(one, str) else one for name, one in given.items()}
    return [parameters(one) for one in given] if isinstance(given, list) else given
