"""The README is true: its commands parse, its requests are ones the API has, its tables are complete."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import fields

import pytest

from bot.cli import COMMANDS
from bot.config import PREFIX, Settings
from tests.house.sources import ROOT, python_files, text, text_files

README = text("README.md")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def _lines(first_word: str) -> list[list[str]]:
    words = [shlex.split(line, comments=True) for block in BLOCKS for line in block.splitlines()]
    return [line for line in words if line[:1] == [first_word]]


def test_every_block_is_valid_shell() -> None:
    assert len(BLOCKS) >= 5
    for block in BLOCKS:
        subprocess.run(["bash", "-n"], input=block, text=True, check=True, timeout=10)


@pytest.mark.parametrize("words", _lines("./understudy"), ids=" ".join)
def test_every_command_line_parses(words: list[str]) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(COMMANDS[words[1]][0]).arguments(parser)
    parser.parse_args(words[2:])


def _requests() -> Iterator[tuple[str, str, dict[str, object] | None]]:
    """Method, path below /api/v1 and body of every curl line."""
    for words in _lines("curl"):
        path = next(word for word in words if word.startswith("$API")).removeprefix("$API")
        body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
        yield ("GET" if body is None else "POST"), path.replace("BOT_ID", "{bot_id}"), body


def test_every_request_is_one_the_api_has() -> None:
    app = importlib.import_module("bot.api.app")
    routes = {(route.method, route.path): route for route in app.ROUTES}
    requests = list(_requests())
    assert len(requests) == 6
    for method, path, body in requests:
        assert (method, path) in routes
        if body is not None:
            routes[method, path].body.model_validate_json(json.dumps(body))


def test_every_setting_is_in_the_table() -> None:
    told = set(re.findall(rf"^\| `({PREFIX}\w+)`", README, re.MULTILINE))
    assert told == {PREFIX + field.name.upper() for field in fields(Settings)}


def test_every_command_is_in_the_table() -> None:
    rows = re.findall(r"^\| ((?:`[\w-]+`(?:, )?)+) \|", README, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert told >= COMMANDS.keys()


def test_every_link_to_a_file_leads_somewhere() -> None:
    for name in (name for name in text_files() if name.endswith(".md")):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text(name)):
            assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"


def test_every_package_has_a_readme_of_at_most_a_page() -> None:
    modules = [name for name in python_files("bot") if name.count("/") == 2 and not name.endswith("__init__.py")]
    packages = {name.rpartition("/")[0] for name in modules} - {"bot/commands"} | {"connectors", "engine", "tests"}
    for package in sorted(packages):
        assert (ROOT / package / "README.md").is_file(), f"{package} has no README.md"
        assert len(text(f"{package}/README.md").splitlines()) <= 80, package
