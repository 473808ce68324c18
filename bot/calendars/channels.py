"""The secret of a channel by which a provider tells us of changes, or of the browser that a consent is good for: made
here, kept as a hash, shown by each message."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from bot.store.calendar_channels import Channel


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_opened_by(channel: Channel | None, token: str) -> bool:
    """In constant time, also where there is no such channel. Nothing else about a message is proof of anything."""
    same = hmac.compare_digest(hashed(token), channel.token_sha256 if channel is not None else hashed(""))
    return channel is not None and same
