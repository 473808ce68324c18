"""Standard Webhooks 1.0: secrets and signatures (HMAC-SHA256, `v1`), over exactly the bytes that are sent. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32  # the standard asks for 24 to 64


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(event_id: str, timestamp_s: int, body: bytes, *, secrets: Sequence[str]) -> dict[str, str]:
    """What identifies and signs a message: one signature for each secret, any of which verifies it. `timestamp_s` is
    the attempt's, not the event's."""
    signed = f"{event_id}.{timestamp_s}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
