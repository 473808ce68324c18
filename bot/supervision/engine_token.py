"""What opens an engine server: the token that is set, or one of this installation where nobody else can reach it."""

from __future__ import annotations

import secrets

from bot.config import Settings, prepare_home
from bot.errors import BadInput
from bot.supervision.installation import write_private

TOKEN_FILE = "engine-token"
TOKEN_BYTES = 32
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class EngineTokenMissing(BadInput):
    """An engine server that others can reach needs UNDERSTUDY_ENGINE_TOKEN."""

    code = "engine_token_missing"


def token_of(settings: Settings, host: str) -> str:
    """Raises EngineTokenMissing."""
    if settings.engine_token:
        return settings.engine_token
    if host not in LOOPBACK:
        raise EngineTokenMissing(f"{host} can be reached by others: set UNDERSTUDY_ENGINE_TOKEN")
    return local_token(settings)


def local_token(settings: Settings) -> str:
    """Made at its first use, for its owner's eyes only."""
    prepare_home(settings)
    path = settings.home / TOKEN_FILE
    if not path.exists():
        write_private(path, secrets.token_urlsafe(TOKEN_BYTES) + "\n")
    return path.read_text().strip()
