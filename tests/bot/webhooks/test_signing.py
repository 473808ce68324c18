"""Signatures, by the standard's own example and by its reference library."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.store import webhook_endpoints
from bot.webhooks import signing
from tests.bot.clocks import HandClock
from tests.bot.stores import Seeded
from tests.bot.webhooks.receivers import Receiver, post_of, receiving


@pytest.fixture(scope="module")
def reference() -> Any:
    return pytest.importorskip("standardwebhooks", reason="the package standardwebhooks is missing")


def test_the_reference_library_verifies_exact_bytes_and_nothing_else(reference: Any) -> None:
    secret, body = signing.new_secret(), '{"type":"bot.ended","data":{"x":"é"}}'.encode()
    headers = signing.headers("evt_1", int(time.time()), body, secrets=[secret])
    assert reference.Webhook(secret).verify(body, headers)["type"] == "bot.ended"
    changed = [
        (signing.new_secret(), body, headers),
        (secret, body + b" ", headers),
        (secret, body, {**headers, "webhook-id": "evt_2"}),
        (secret, body, {**headers, "webhook-timestamp": str(int(time.time()) - 1)}),
    ]
    for other_secret, other_body, other_headers in changed:
        with pytest.raises(reference.WebhookVerificationError):
            reference.Webhook(other_secret).verify(other_body, other_headers)


def test_a_known_message_has_its_known_signature() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signing.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', secrets=[secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_long_random_and_marked() -> None:
    one, other = signing.new_secret(), signing.new_secret()
    assert one != other and one.startswith("whsec_")
    assert 24 <= len(base64.b64decode(one.removeprefix("whsec_"))) <= 64


async def test_what_arrives_verifies_with_the_old_and_the_new_secret_until_the_old_ends(
    reference: Any, sqlite_store: Seeded, tmp_path: Path
) -> None:
    clock = HandClock(datetime.now(UTC))  # the reference library looks at the wall's
    post, receiver = post_of(sqlite_store, tmp_path, clock), Receiver()
    async with receiving(receiver) as url:
        endpoint, old = await post.endpoint(url)
        new, now = signing.new_secret(), clock.now()
        sealed = post.vault.seal(new, place=webhook_endpoints.place(endpoint.id))
        given = {"sealed_secret": sealed, "previous_until": now + timedelta(seconds=60), "now": now}
        async with sqlite_store.database.write() as session:
            await webhook_endpoints.rotate(session, endpoint.id, workspace_id=endpoint.workspace_id, **given)
        await post.bot("first")
        await post.settle()
        clock.advance(60)
        await post.bot("second")
        await post.settle()
    (both, first), (one, second) = receiver.taken
    assert [reference.Webhook(secret).verify(first, both)["type"] for secret in (old, new)] == ["bot.scheduled"] * 2
    assert reference.Webhook(new).verify(second, one)["sequence"] == 2
    with pytest.raises(reference.WebhookVerificationError):
        reference.Webhook(old).verify(second, one)
