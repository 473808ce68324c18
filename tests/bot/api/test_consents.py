"""A face can be taken back by API: its consent ends and begins anew, its character goes from the disk too."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from tests.bot.api.conftest import Api
from tests.bot.stores import NOW

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
ANN = {"name": "Ann", "image_base64": PNG, "likeness": "consented", "consent_proof": "a letter of Ann's"}
END = "2030-01-01T00:00:00Z"
ENDED = NOW.isoformat().replace("+00:00", "Z")


async def ann(api: Api) -> str:
    status, made = await api.ask("POST", "/characters", json=ANN)
    assert status == 201
    return f"/characters/{made['id']}"


async def trail(api: Api) -> list[Any]:
    _, told = await api.ask("GET", "/audit")
    return [(one["action"], one["object"], one["details"]) for one in told["data"]]


async def test_a_consent_is_withdrawn_and_renewed_and_the_proof_is_nowhere_in_the_audit_trail(api: Api) -> None:
    path = await ann(api)
    status, ended = await api.ask("DELETE", f"{path}/consent")
    assert (status, ended["consent_expires_at"]) == (200, ENDED)
    assert (await api.ask("DELETE", f"{path}/consent"))[1] == ended, "safe twice"
    new = {"consent_proof": "a second letter", "consent_expires_at": END}
    status, renewed = await api.ask("PUT", f"{path}/consent", json=new)
    assert (status, renewed["likeness"], renewed["consent_expires_at"]) == (200, "consented", END)
    (_, withdrawn, _, (action, where, details)) = await trail(api)
    assert withdrawn[:2] == ("withdraw_consent", f"{path}/consent") and withdrawn[2]["likeness"] == "consented"
    assert (action, where) == ("renew_consent", f"{path}/consent")
    assert details["consent_expires_at"] == "2030-01-01T00:00:00+00:00" and details["request_id"]
    assert "letter" not in str(await trail(api))


async def test_a_renewal_without_a_proof_or_with_an_end_in_the_past_is_refused(api: Api) -> None:
    path = await ann(api)
    for body in ({}, {"consent_proof": " "}, {"consent_proof": "a letter", "consent_expires_at": ENDED}):
        status, problem = await api.ask("PUT", f"{path}/consent", json=body)
        assert (status, problem["code"]) == (422, "bad_character"), body


async def test_a_deleted_character_is_gone_with_its_picture(api: Api, tmp_path: Path) -> None:
    path = await ann(api)
    status, gone = await api.ask("DELETE", path)
    assert (status, gone["name"], gone["files_left"]) == (200, "Ann", 0)
    assert list((tmp_path / "characters").iterdir()) == []
    for method, of in (("GET", ""), ("DELETE", ""), ("DELETE", "/consent"), ("GET", "/image"), ("GET", "/documents")):
        status, problem = await api.ask(method, path + of)
        assert (status, problem["code"]) == (404, "unknown_character")
    action, where, details = (await trail(api))[-1]
    assert (action, where, details["files_left"]) == ("delete_character", path, 0)
    assert "Ann" not in str(await trail(api))


async def test_a_character_in_use_stays_and_is_deleted_once_its_bot_is_over(api: Api) -> None:
    path = f"/characters/{api.store.character.id}"
    _, bot = await api.ask("POST", "/bots", json=api.new_bot())
    status, problem = await api.ask("DELETE", path)
    assert (status, problem["code"], problem["bot_ids"]) == (409, "character_in_use", [bot["id"]])
    await api.ask("POST", f"/bots/{bot['id']}/leave")
    assert (await api.ask("DELETE", path))[0] == 200
    assert (await api.ask("GET", f"/bots/{bot['id']}"))[1]["character_id"] == api.store.character.id
    status, problem = await api.ask("POST", "/bots", json=api.new_bot())
    assert (status, problem["code"]) == (404, "unknown_character")
