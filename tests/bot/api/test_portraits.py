"""A picture of the API's becomes a portrait by a process of its own, or an answer that says what to do."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bot.api.handlers.characters import SHOWING
from bot.store import characters
from engine.portrait.record import Style, load_record
from tests.bot.api.conftest import Api

pytestmark = [pytest.mark.slow, pytest.mark.parallel]
NOBODY = {"likeness": "fictional"}
POINTS = {"mouth": {"left": [250, 230], "right": [350, 230]}, "outline": [[150, 40], [450, 40], [450, 330], [150, 330]]}


async def made_of(api: Api, pixels: np.ndarray) -> str:
    picture = base64.b64encode(cv2.imencode(".png", pixels)[1].tobytes()).decode()
    status, character = await api.ask("POST", "/characters", json={"name": "Box", "image_base64": picture, **NOBODY})
    assert status == 201
    return str(character["id"])


async def test_a_picture_with_points_becomes_a_portrait(api: Api) -> None:
    character_id = await made_of(api, np.full((360, 600, 3), 150, np.uint8))
    body = {"points": json.dumps(POINTS), "style": "object"}
    status, portrait = await api.ask("POST", f"/characters/{character_id}/portrait", json=body)
    assert status == 200 and portrait["style"] == "object"
    assert "by_hand" in {finding["code"] for finding in portrait["findings"]}
    async with api.store.database.read() as session:
        kept = await characters.get(session, character_id)
    assert load_record(Path(kept.image_path), Path(kept.record_path or "")).style is Style.OBJECT


async def test_a_portrait_made_again_is_made_of_the_picture_that_was_given(api: Api) -> None:
    character_id = await made_of(api, np.full((360, 600, 3), 150, np.uint8))
    body = {"points": json.dumps(POINTS), "style": "object"}
    for _ in range(2):  # the second time the character's picture is the portrait: cut to 16:9 and enlarged
        status, _ = await api.ask("POST", f"/characters/{character_id}/portrait", json=body)
        assert status == 200
        async with api.store.database.read() as session:
            kept = await characters.get(session, character_id)
        seam = load_record(Path(kept.image_path), Path(kept.record_path or "")).mouth.seam
        assert abs(seam[:, 0].mean() - 640) < 2


async def test_a_picture_that_cannot_speak_is_refused_with_what_to_do(api: Api) -> None:
    character_id = await made_of(api, np.full((20, 20, 3), 150, np.uint8))
    status, problem = await api.ask("POST", f"/characters/{character_id}/portrait", json={})
    assert status == 422 and problem["code"] == "picture_refused"
    assert problem["reason"] == "picture_too_small" and "20x20" in problem["detail"]


async def test_a_portrait_is_looked_at_before_anybody_meets_it(api: Api) -> None:
    character_id = await made_of(api, np.full((360, 600, 3), 150, np.uint8))
    path = f"/api/v1/characters/{character_id}"
    status, problem = await api.ask("GET", f"/characters/{character_id}/sheet")
    assert (status, problem["code"]) == (422, "picture_refused") and "no portrait yet" in problem["detail"]
    body = {"points": json.dumps(POINTS), "style": "object"}
    assert (await api.ask("POST", f"/characters/{character_id}/portrait", json=body))[0] == 200
    mine = {"Authorization": f"Bearer {api.key}"}
    async with api.client.get(f"{path}/sheet", headers=mine) as answer:
        assert (answer.status, answer.content_type) == (200, "image/png")
        shown = cv2.imdecode(np.frombuffer(await answer.read(), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape[1] == 1500
    async with SHOWING:
        status, problem = await api.ask("GET", f"/characters/{character_id}/sheet")
    assert (status, problem["code"], problem["retryable"]) == (503, "portrait_unavailable", True)
    assert (await api.ask("DELETE", f"/characters/{character_id}/consent"))[0] == 200
    status, problem = await api.ask("POST", f"/characters/{character_id}/portrait", json=body)
    assert (status, problem["code"]) == (409, "consent_ended"), "a face is not measured either"
    status, problem = await api.ask("GET", f"/characters/{character_id}/sheet")
    assert (status, problem["code"]) == (409, "consent_ended")
