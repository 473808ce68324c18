"""What every endpoint does alike: keys, problems, bodies, health, the description."""

from __future__ import annotations

import base64

import pytest
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import OpenAPIV31SpecValidator

from bot.api import openapi
from bot.api.app import PREFIX, ROUTES, make_app
from bot.api.problems import ExpectationFailed
from bot.api.webhook_schemas import Message
from bot.store import keys, schema
from bot.store.characters import LIKENESSES
from bot.store.session import Database
from tests.bot.stores import NOW

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
NOBODY = {"likeness": "fictional"}


def test_the_description_is_valid_openapi_and_names_every_route():
    document = openapi.describe(ROUTES, prefix=PREFIX, version="1", message=Message)
    OpenAPIV31SpecValidator(document).validate()
    assert {route.name for route in ROUTES} == {
        operation["operationId"] for path in document["paths"].values() for operation in path.values()
    }


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer uk_x", "Basic abc", "Bearer uk_0123456789abcdef_" + "a" * 43])
async def test_without_a_valid_key_nothing_is_answered(api, header):
    status, problem = await api.ask("GET", "/bots", headers={"Authorization": header})
    assert (status, problem["code"], problem["retryable"]) == (401, "unauthorized", False)


async def test_a_revoked_key_opens_nothing(api):
    async with api.store.database.write() as session:
        await keys.revoke(session, api.key.split("_")[1], workspace_id=api.store.workspace.id, now=NOW)
    assert (await api.ask("GET", "/bots"))[0] == 401


def test_every_scope_is_needed_by_a_route():
    assert {route.scope for route in ROUTES} == set(keys.ALL_SCOPES)


async def test_a_key_opens_only_what_its_scopes_name(api):
    reader = await api.with_key(scopes=("bots:read",))
    assert (await reader.ask("GET", "/bots"))[0] == 200
    status, problem = await reader.ask("POST", "/bots", json={})
    assert (status, problem["code"], problem["scope"]) == (403, "insufficient_scope", "bots:write")


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_json"),
        (b'{"a": NaN}', "application/json", 400, "malformed_json"),
        (b"\xff", "application/json", 400, "malformed_json"),
        (b"[" * 100_000, "application/json", 400, "malformed_json"),
        (b"[]", "application/json", 422, "invalid_request"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b'{"x":"' + b"a" * 300_000 + b'"}', "application/json", 413, "body_too_large"),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_problem(api, body, kind, status, code):
    answer = await api.ask("POST", "/bots", data=body, headers={"Content-Type": kind})
    assert (answer[0], answer[1]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/kill", {"scheduled": 0}),
        ("/kill", {"scheduled": "yes"}),
        ("/bots", {"join_at": 1_790_000_000}),
        ("/bots", {"join_at": "1790000000"}),
        ("/bots", {"bot_name": 7}),
        ("/webhooks/any/rotate-secret", {"overlap_s": True}),
        ("/webhooks/any/rotate-secret", {"overlap_s": "60"}),
    ],
)
async def test_a_value_of_another_kind_is_refused_and_not_made_to_fit(api, path, body):
    whole = api.new_bot(**body) if path == "/bots" else body
    status, problem = await api.ask("POST", path, json=whole)
    assert (status, problem["code"]) == (422, "invalid_request")
    assert [one["pointer"] for one in problem["errors"]] == [f"/{name}" for name in body]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/bots", 405)])
async def test_what_is_not_there_is_a_problem_too(api, method, path, status):
    async with api.client.request(method, f"/api/v1{path}") as response:
        problem = await response.json(content_type=None)
        assert response.content_type == "application/problem+json"
        assert (response.status, problem["status"], problem["instance"]) == (status, status, f"/api/v1{path}")
        assert problem["request_id"] == response.headers["X-Request-Id"]


@pytest.mark.parametrize("expect", ["x", "100-continue, x", "\u00e9", "200-ok"])
async def test_what_a_request_may_not_expect_is_a_documented_problem(api, caplog, expect):
    asked = (("POST", "/api/v1/kill"), ("GET", "/healthz"), ("GET", "/nothing"), ("PUT", "/api/v1/bots"), ("GET", "/"))
    for method, path in asked:
        async with api.client.request(method, path, headers={"Expect": expect}) as response:
            problem = await response.json(content_type="application/problem+json")
        assert (response.status, problem["code"]) == (417, "expectation_failed"), path
        assert len(problem["request_id"]) == 16 and problem["request_id"] == response.headers["X-Request-Id"]
        assert response.headers["X-Content-Type-Options"] == "nosniff" and problem["instance"] == path
    async with api.client.head("/healthz", headers={"Expect": expect}) as response:
        assert (response.status, await response.read()) == (417, b"")
    assert not [record for record in caplog.records if record.exc_info]
    assert all(ExpectationFailed in route.all_errors for route in ROUTES)


async def test_a_request_may_expect_to_be_asked_for_its_body(api):
    status, answer = await api.ask("POST", "/kill", json={}, expect100=True)
    assert status == 202, answer


async def test_a_query_takes_a_time_only_as_the_description_says(api):
    for given in ("0.5", "1790000000"):
        status, problem = await api.ask("GET", f"/bots?updated_after={given}")
        assert (status, problem["errors"][0]["pointer"]) == (422, "query/updated_after")
    assert (await api.ask("GET", "/bots?updated_after=2026-11-21T10:00:00Z"))[0] == 200


@pytest.mark.parametrize("provider", ["google", "microsoft"])
async def test_a_word_that_is_a_route_of_its_own_is_no_id(api, provider):
    async with api.client.request("GET", f"/api/v1/calendars/{provider}") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert (await api.ask("GET", f"/calendars/{provider}s"))[1]["code"] == "unknown_calendar"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json"])
async def test_health_and_description_need_no_key(api, path):
    async with api.client.get(path) as response:
        assert response.status == 200


async def test_readiness_names_both_versions_where_the_database_is_newer(sqlite_store, tmp_path, caplog):
    async with sqlite_store.database.write() as session:
        await session.exec_driver_sql("UPDATE alembic_version SET version_num = '0042'")
    app = make_app(sqlite_store.database, home=tmp_path, split=lambda name, text: [])
    async with TestClient(TestServer(app)) as client, client.get("/readyz") as response:
        problem = await response.json(content_type=None)
    assert (response.status, problem["code"], problem["retryable"]) == (503, "database_is_newer", False)
    assert (problem["database"], problem["program"]) == ("0042", schema.head())
    assert "restore the backup" in problem["detail"] and "run `understudy db upgrade`" not in problem["detail"]
    assert not [record for record in caplog.records if record.exc_info]


async def test_what_a_database_says_of_itself_is_for_the_log_alone(tmp_path):
    (tmp_path / "broken.sqlite3").write_bytes(b"no database" * 100)
    async with Database.open(f"sqlite:///{tmp_path}/broken.sqlite3") as database:
        app = make_app(database, home=tmp_path, split=lambda name, text: [])
        async with TestClient(TestServer(app)) as client, client.get("/readyz") as response:
            problem = await response.json(content_type=None)
    assert (response.status, problem["code"]) == (500, "database_broken")
    assert problem["detail"] == problem["title"] and "not a database" not in str(problem)


async def test_a_character_is_made_listed_and_taught(api):
    new = {"name": "Milo", "image_base64": base64.b64encode(PNG).decode(), "aliases": ["Mylo"], **NOBODY}
    status, made = await api.ask("POST", "/characters", json=new)
    document = {"name": "tea.md", "text": "Green tea.\n\nBlack tea."}
    taught = [await api.ask("POST", f"/characters/{made['id']}/documents", json=document) for _ in range(2)]
    _, documents = await api.ask("GET", f"/characters/{made['id']}/documents")
    _, listed = await api.ask("GET", "/characters")
    assert (status, [one["name"] for one in listed["data"]]) == (201, ["Iris", "Milo"])
    assert [answer[0] for answer in taught] == [201, 201] and [one["name"] for one in documents["data"]] == ["tea.md"]


async def test_whose_face_it_is_must_be_said_and_what_can_be_said_is_told(api, tmp_path):
    new = {"name": "Milo", "image_base64": base64.b64encode(PNG).decode()}
    status, problem = await api.ask("POST", "/characters", json=new)
    (missing,) = problem["errors"]
    assert (status, problem["code"], missing["pointer"]) == (422, "invalid_request", "/likeness")
    _, wrong = await api.ask("POST", "/characters", json={**new, "likeness": "mine"})
    for kind, meaning in LIKENESSES.items():
        assert f"`{kind}`: {meaning}" in missing["message"] and f"`{kind}`: {meaning}" in wrong["detail"]
    assert not (tmp_path / "characters").exists()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"image_base64": base64.b64encode(b"GIF89a").decode()}, 422, "bad_image"),
        ({"image_base64": "***"}, 422, "bad_image"),
        ({"likeness": "consented"}, 422, "bad_character"),
        ({"likeness": "borrowed"}, 422, "bad_character"),
        ({"name": "iris!"}, 409, "character_exists"),
        ({"name": "!"}, 422, "bad_character"),
    ],
)
async def test_a_character_that_cannot_be_is_refused(api, tmp_path, change, status, code):
    new = {"name": "Milo", "image_base64": base64.b64encode(PNG).decode(), **NOBODY, **change}
    answer = await api.ask("POST", "/characters", json=new)
    assert (answer[0], answer[1]["code"]) == (status, code)
    assert status != 422 or not (tmp_path / "characters").exists(), "a picture is kept that nobody may show"
