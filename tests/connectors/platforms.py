"""What the platforms' tests share: the files a platform's folder has, and which refusals its page cannot show."""

from __future__ import annotations

from pathlib import Path

import connectors
from connectors.base import Refusal

FOLDERS = Path(connectors.__file__).parent
FILES = {
    f"{name}.py"
    for name in ("__init__", "connector", "join", "admission", "roster", "audio", "chat", "screen", "leave")
} | {"selectors.toml"}
BESIDES = {"meet": {"sources.js"}}  # what one platform alone has

NO_PAGE = {Refusal.UNREACHABLE: "there is no page", Refusal.PAGE_NOT_UNDERSTOOD: "no rule is for this"}
CANNOT_BE_SHOWN: dict[str, dict[Refusal, str]] = {
    "meet": {
        **NO_PAGE,
        Refusal.PASSCODE_WRONG: "Meet has no passcodes",
        Refusal.BOTS_BLOCKED: "its page says no more than that the meeting's rules do not admit us",
        Refusal.ENCRYPTED: "what a guest without the key sees is not known",
        Refusal.REGISTRATION_REQUIRED: "Meet has no registration",
        Refusal.SDK_REQUIRED: "Meet has no SDK for guests",
    },
    "teams": {
        **NO_PAGE,
        Refusal.BOTS_BLOCKED: "known bots wait in the lobby, where the host sees what they are",
        Refusal.SDK_REQUIRED: "Teams has no such rule",
    },
    "zoom": {
        **NO_PAGE,
        Refusal.BOTS_BLOCKED: "its page names the SDK instead",
        Refusal.INVALID_LINK: "shown as a meeting that has not started",
        Refusal.NOT_FOUND: "shown as a meeting that has not started",
    },
}
