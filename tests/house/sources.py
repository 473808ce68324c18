"""The files of this repository, for rules about them: what git tracks or would track, never what it ignores."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("bot", "connectors", "engine", "migrations")
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".js",
    ".css",
    ".html",
    ".sh",
    ".ini",
    ".mako",
    ".json",
    ".yaml",
    ".yml",
    ".svg",
    "",
}


@functools.cache
def files() -> tuple[str, ...]:
    """Paths relative to the root."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=20).stdout
        found = listed.splitlines()
    except (OSError, subprocess.CalledProcessError):  # a checkout without git: an archive
        found = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if not _ignored(path)]
    return tuple(sorted(name for name in set(found) if (ROOT / name).is_file()))


def _ignored(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part in ("__pycache__", "build", "dist") or part.endswith(".egg-info") for part in parts) or (
        parts[0].startswith(".") and parts[0] != ".ci"
    )


def python_files(*folders: str) -> list[str]:
    return [name for name in files() if name.endswith(".py") and name.split("/")[0] in folders]


def text_files() -> list[str]:
    return [name for name in files() if Path(name).suffix in TEXT]


@functools.cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


@functools.cache
def tree(name: str) -> ast.Module:
    return ast.parse(text(name), name)


@functools.cache
def nodes(name: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(name)))


def existing(table: Mapping[str, str]) -> set[str]:
    """The files of an allow-table that are there. A row that is not needed any more fails its test."""
    return {name for name in table if (ROOT / name).exists()}


def functions(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in nodes(name) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a chain of attributes; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
