"""`understudy engine serve`, what it refuses before it starts anything."""

from __future__ import annotations

import argparse
import stat
from pathlib import Path

import pytest

from bot.commands import engine_serve
from bot.config import Settings, load_settings
from bot.errors import BadInput, BadSettings
from bot.supervision.engine_token import EngineTokenMissing, local_token, token_of


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    engine_serve.arguments(parser)
    return parser.parse_args(words)


def test_others_may_reach_it_only_with_a_token_that_was_set(tmp_path: Path) -> None:
    with pytest.raises(EngineTokenMissing, match="UNDERSTUDY_ENGINE_TOKEN"):
        token_of(Settings(home=tmp_path), "0.0.0.0")
    assert token_of(Settings(home=tmp_path, engine_token="set"), "0.0.0.0") == "set"


def test_on_this_machine_it_makes_a_token_for_its_owners_eyes(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    token = token_of(settings, "127.0.0.1")
    assert len(token) >= 40 and local_token(settings) == token
    assert stat.S_IMODE((tmp_path / "engine-token").stat().st_mode) == 0o600


@pytest.mark.parametrize("words", [("--preset", "nonsense"), ("--preset", "tiny", "--tp", "0")])
def test_what_cannot_be_served_is_named(words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nonsense|--tp"):
        engine_serve.run(options(*words, "--port", "0"), Settings(home=tmp_path))


@pytest.mark.parametrize(("word", "sessions"), [("3", 3), ("auto", None)])
def test_sessions_are_a_number_or_measured(word: str, sessions: int | None) -> None:
    assert options("--preset", "tiny", "--sessions", word).sessions == sessions


def test_servers_are_addresses_separated_by_commas() -> None:
    settings = load_settings({"UNDERSTUDY_ENGINE_URLS": "http://a:1, https://b:2,"})
    assert settings.engine_servers == ("http://a:1", "https://b:2")
    with pytest.raises(BadSettings, match="UNDERSTUDY_ENGINE_URLS"):
        load_settings({"UNDERSTUDY_ENGINE_URLS": "gpu-1:8460"})
