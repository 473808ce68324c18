"""The doctor tells what is there from what is not, and fails only for what is required."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.commands import doctor
from bot.config import Settings
from bot.doctor import looking, sandbox
from bot.doctor.checks import CHECKS
from bot.doctor.examine import Check, Missing, State, examine
from tests.bot.hearing.pyannote_parts import needs_pyannote


def _nothing(settings: Settings) -> str:
    raise Missing("nothing there")


THERE = Check(name="there", what_for="a", how_to_get="b", look=lambda settings: "version 1")
GONE = Check(name="gone", what_for="c", how_to_get="d", look=_nothing)


def test_what_is_missing_says_what_it_is_for_and_how_to_get_it() -> None:
    found, missing, optional = examine([THERE, GONE, replace(GONE, required=False)], Settings())
    assert (found.state, found.detail, found.how_to_get) == (State.FOUND, "version 1", "")
    assert (missing.state, missing.detail, missing.what_for, missing.how_to_get) == (
        State.MISSING,
        "nothing there",
        "c",
        "d",
    )
    assert optional.state is State.OPTIONAL


@pytest.mark.parametrize("url", ["nonsense", "http://[::1", "localhost:11434/v1", "file:///etc/passwd"])
def test_a_language_models_url_that_is_none_is_told(url: str) -> None:
    with pytest.raises(Missing, match="UNDERSTUDY_LLM_URL"):
        looking.language_model(Settings(llm_url=url))


def test_accounts_of_calendars_need_an_address_that_their_provider_reaches() -> None:
    mine = Settings(microsoft_client_id="id", microsoft_client_secret="secret")
    for settings, told in (
        (Settings(), "nobody"),
        (mine, "PUBLIC_URL"),
        (replace(mine, public_url="http://x"), "https"),
    ):
        with pytest.raises(Missing, match=told):
            looking.calendar_accounts(settings)
    assert "Microsoft (global)" in looking.calendar_accounts(replace(mine, public_url="https://bots.example.com"))


def test_every_row_has_a_name_of_its_own_a_use_and_a_way_to_get_it() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names) >= 15
    assert all(check.what_for and check.how_to_get for check in CHECKS)


BROKEN = {  # setting: (its value, the check that fails)
    "chromium": ("/nonexistent/chromium", "Chromium"),
    "database_url": ("postgresql:///none?host=/nonexistent", "database"),
    "database_url ": ("sqlite:////proc/nowhere/x.sqlite3", "database"),
    "broker_url": ("redis+socket:///nonexistent/redis.sock", "broker"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_required_part_that_is_missing_fails_the_command(tmp_path: Path, capsys, broken: str) -> None:
    value, name = BROKEN[broken]
    settings = replace(Settings(home=tmp_path), **{broken.strip(): value})
    assert doctor.run(argparse.Namespace(json=True), settings) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert [finding["state"] for finding in report["findings"] if finding["name"] == name] == ["missing"]


def test_a_program_is_asked_for_its_version(tmp_path: Path) -> None:
    assert looking.program(sys.executable, "--version")(Settings()).startswith("Python 3.")
    with pytest.raises(Missing, match="exit code 3"):
        looking.first_line([sys.executable, "-c", "raise SystemExit(3)"])


def test_a_kernel_that_forbids_the_sandbox_is_told_by_its_switch_and_the_way_out(tmp_path: Path) -> None:
    off, on = tmp_path / "off", tmp_path / "on"
    off.write_text("0\n")
    on.write_text("1\n")
    rows = ((str(tmp_path / "none"), "0", "a"), (str(on), "0", "b"), (str(off), "0", "c"))
    assert sandbox.what_allows(rows) == "c"
    assert sandbox.what_allows(rows[:2]) == sandbox.OTHERWISE


def test_root_is_told_that_it_has_no_sandbox_and_an_ordinary_user_whether_it_works() -> None:
    if os.geteuid() == 0:
        assert "refuses it to root" in sandbox.sandbox(Settings())
    else:
        assert sandbox.sandbox(Settings()) == "works for this user"


def test_a_home_nobody_made_yet_is_fine_and_a_small_disk_is_not(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "a" / "b")
    assert "made at the first start" in looking.home(settings)
    with pytest.raises(Missing, match="GiB free"):
        looking.disk(1e9)(settings)


async def test_a_language_model_is_asked_with_its_key_and_never_shows_it() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" if b"wrong" in heard[-1] else b"HTTP/1.1 200 OK\r\n\r\n"
        )
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        right = Settings(llm_url=url, llm_api_key="sesame", llm_model="m1")
        assert await asyncio.to_thread(looking.language_model, right) == "127.0.0.1 answers, model m1"
        assert b"GET /v1/models" in heard[0] and b"Bearer sesame" in heard[0]
        with pytest.raises(Missing) as refused:
            await asyncio.to_thread(looking.language_model, replace(right, llm_api_key="wrong"))
        assert str(refused.value) == "127.0.0.1 answers 401"


@needs_pyannote
def test_diarization_says_what_is_not_there(tmp_path: Path) -> None:
    for model, told in (
        ("", "not set"),
        ("/nonexistent", "neither a folder nor"),
        (str(tmp_path), "lacks segmentation"),
    ):
        with pytest.raises(Missing, match=told):
            looking.diarization(Settings(diarization_model=model))


@needs_pyannote
def test_diarization_finds_a_model_in_a_folder(tmp_path: Path) -> None:
    for part in ("segmentation", "embedding"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "pytorch_model.bin").touch()
    assert str(tmp_path) in looking.diarization(Settings(diarization_model=str(tmp_path)))
