"""The product's own error tree. A class is what a caller can act on; its docstring is what the user reads.

BotError
├── BadSettings          a setting cannot be used
├── NotFound             the thing named does not exist (in this workspace)
├── Conflict             what was asked contradicts what is
├── BadInput             a value cannot be used
└── Unavailable          a part this needs cannot be reached now
"""

from __future__ import annotations

from typing import Any


class BotError(Exception):
    """Something went wrong."""

    code = "internal_error"
    http_status = 500
    retryable = False
    detail_is_ours = False  # of a 5xx, clients are told the message only where no other program wrote a word of it

    def __init__(self, detail: str | None = None, **fields: Any) -> None:
        super().__init__(detail or " ".join((type(self).__doc__ or "").split()))
        self.fields = fields  # facts for the caller, shown in API answers: no secrets, no personal data


class BadSettings(BotError):
    """A setting cannot be used; the message names it and says what would do."""

    code = "bad_settings"


class NotFound(BotError):
    """There is no such thing here."""

    code, http_status = "not_found", 404


class Conflict(BotError):
    """What was asked contradicts what is."""

    code, http_status = "conflict", 409


class BadInput(BotError):
    """A value cannot be used; the message says which and why."""

    code, http_status = "bad_input", 422


class Unavailable(BotError):
    """A part this needs cannot be reached now; try again later."""

    code, http_status, retryable = "unavailable", 503, True
