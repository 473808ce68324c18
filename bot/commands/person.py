"""Who runs a command, for what is written down with the deed."""

from __future__ import annotations

import os
import pwd


def at_the_command_line() -> dict[str, str]:
    return {"by": "command_line", "user": _user()}


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
