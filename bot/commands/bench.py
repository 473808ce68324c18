"""`understudy bench NAME`: runs `tests/benchmarks/NAME.py` in a process of its own; its last line is JSON."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from bot.config import Settings
from bot.errors import NotFound
from bot.supervision.kernel import dying_with_parent

HELP = "run a benchmark; its last line is JSON"
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "benchmarks"


class NoSuchBenchmark(NotFound):
    """There is no benchmark of that name."""

    code = "no_such_benchmark"


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="one of: " + (", ".join(names()) or "none yet"))
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="go to the benchmark as they are")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.name not in names():
        raise NoSuchBenchmark(f"no benchmark is called {args.name!r}; there is: {', '.join(names()) or 'none yet'}")
    words = [sys.executable, "-m", f"tests.benchmarks.{args.name}", *args.words]
    return subprocess.run(words, cwd=ROOT, preexec_fn=dying_with_parent(signal.SIGTERM)).returncode
