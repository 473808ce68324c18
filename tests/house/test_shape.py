"""The shape of the house: what stands at its top level, how long its files and functions are, who imports whom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bot.cli import COMMANDS
from tests.house.sources import PRODUCT, ROOT, files, functions, python_files, text

TOP_LEVEL = {
    *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "constraints.txt", "understudy"),
    *("bot", "connectors", "engine", "migrations", "tests", "deploy"),
}
LONGEST_FILE = 450
LONGEST_FUNCTION = 60
LONG_FILES: dict[str, str] = {}  # path: why it is longer; this table only shrinks
LONG_FUNCTIONS: dict[str, str] = {}  # path:function: why it is longer; this table only shrinks


def test_the_top_level_is_the_fixed_set() -> None:
    found = {name.split("/")[0] for name in files()}
    assert {name for name in found if not name.startswith(".")} <= TOP_LEVEL
    assert {"bot", "connectors", "engine", "tests", "understudy", "LICENSE"} <= found


def test_files_stay_short() -> None:
    lengths = {name: len(text(name).splitlines()) for name in python_files(*PRODUCT, "tests")}
    long = {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}
    assert long.keys() == LONG_FILES.keys(), f"over {LONGEST_FILE} lines: {long}"


def test_functions_stay_short() -> None:
    long = {}
    for name in python_files(*PRODUCT, "tests"):
        if name.startswith("migrations/versions/"):  # a record of what was done, not read as code
            continue
        for function in functions(name):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > LONGEST_FUNCTION:
                long[f"{name}:{function.name}"] = lines
    assert long.keys() == LONG_FUNCTIONS.keys(), f"over {LONGEST_FUNCTION} lines: {long}"


def test_every_module_says_what_it_is() -> None:
    silent = [
        name for name in python_files(*PRODUCT) if text(name).strip() and not text(name).startswith(('"""', "#!"))
    ]
    assert [name for name in silent if Path(name).name != "__main__.py"] == []


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_has_its_module() -> None:
    expected = {f"{module.replace('.', '/')}.py" for module, _ in COMMANDS.values()}
    folder = [name for name in python_files("bot") if name.startswith("bot/commands/")]
    assert {name for name in folder if "\nHELP = " in text(name)} == expected
