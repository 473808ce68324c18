"""Where things may be imported, beyond what import-linter's contracts say, and what a start must not import."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys

from bot.cli import COMMANDS
from tests.house.sources import PRODUCT, ROOT, existing, nodes, python_files

HOMES = {  # a library: the folders and files that may import it
    "celery": ("bot/scheduling/",),
    "sqlalchemy": ("bot/store/", "migrations/"),
    "playwright": ("connectors/", "bot/rehearsal/", "bot/library/"),  # the last draws the shipped pictures
    "pyvirtualcam": ("connectors/kit/",),
    "torch": ("engine/diffusion/", "bot/hearing/diarization/"),
    "aiohttp.web": (
        *("bot/api/", "bot/commands/api.py", "connectors/simulator/", "connectors/kit/", "engine/server.py"),
        *("bot/rehearsal/calendar_server.py", "bot/rehearsal/google_calendar.py"),
        "bot/rehearsal/microsoft_calendar.py",
    ),
}
SEES_BOTH = {  # a connector and an engine: why
    "bot/meeting/bridge.py": "the only translator between them",
    "bot/meeting/parts.py": "opens both and hands them over",
    "bot/rehearsal/rehearse.py": "tells their errors apart for its exit code",
}
HEAVY = {"alembic", "celery", "cv2", "numba", "numpy", "onnxruntime", "playwright", "scipy", "sqlalchemy"}


@functools.cache
def _imported(name: str) -> set[str]:
    """Dotted names of all a file imports, lazily or not; of `from a import b` both `a` and `a.b`."""
    found = set()
    for node in nodes(name):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _uses(name: str, library: str) -> bool:
    return any(module == library or module.startswith(f"{library}.") for module in _imported(name))


def test_libraries_stay_where_they_live() -> None:
    strays = [
        f"{name} imports {library}"
        for name in python_files(*PRODUCT)
        for library, homes in HOMES.items()
        if _uses(name, library) and not name.startswith(homes)
    ]
    assert strays == []


def test_one_file_sees_both_a_connector_and_an_engine() -> None:
    both = {name for name in python_files("bot") if _uses(name, "connectors") and _uses(name, "engine")}
    assert both == existing(SEES_BOTH)


def test_no_command_imports_heavy_parts_before_it_runs() -> None:
    modules = [module for module, _ in COMMANDS.values()]
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *modules], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert HEAVY & set(done.stdout.split()) == set()
