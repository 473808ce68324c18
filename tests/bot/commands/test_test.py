"""`understudy test`: what it runs in which order, and how it counts."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from bot.commands import test as command
from bot.config import Settings


def _plan(words: list[str], *, acceptance: bool = False, fast_only: bool = False) -> list[str]:
    checks, runs = command.plan(words, acceptance=acceptance, fast_only=fast_only)
    return [step.name for step in (*checks, *runs)]


def test_checks_come_first_then_the_fast_tests() -> None:
    checks = ["ruff check", "ruff format", "import contracts", "mypy"]
    real = ["tests on real parts, two at a time", "tests on real parts, one by one"]
    assert _plan([]) == [*checks, "fast tests", *real]
    assert _plan([], fast_only=True) == [*checks, "fast tests"]
    assert _plan([], acceptance=True) == [
        *checks, "fast tests", *real, "acceptance, two at a time", "acceptance, one by one",
    ]  # fmt: skip


def test_every_test_is_in_exactly_one_run() -> None:
    steps = (command.FAST, command.PARALLEL, command.REAL, *command.ACCEPTANCE)
    for slow, parallel, acceptance in product((False, True), repeat=3):
        marks = {"slow": slow, "parallel": parallel, "acceptance": acceptance}
        assert sum(bool(eval(step.argv[-1], {}, marks)) for step in steps) == 1


@pytest.mark.parametrize("words", [["tests/bot/test_nothing.py"], ["--", "-k", "x"], ["tests", "-k", "x"]])
def test_words_of_the_caller_go_to_pytest(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    parsed = parser.parse_args(words)
    given = [word for word in words if word != "--"]
    _, (chosen,) = command.plan(command.words_of(parsed), acceptance=False, fast_only=False)
    assert list(chosen.argv[-len(given) :]) == given


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("12 passed in 3.21s\n", {"passed": 12}),
        (
            "==== 1 failed, 3 passed, 2 skipped, 1 error in 61.00s (0:01:01) ====\n",
            {"failed": 1, "passed": 3, "skipped": 2, "error": 1},
        ),
        ("2 errors in 0.10s", {"error": 2}),
        ("assert 3 passed", {}),
        ("", {}),
    ],
)
def test_the_closing_line_of_pytest_is_counted(line: str, counts: dict[str, int]) -> None:
    assert command.closing_counts(line) == Counter(counts)


@pytest.mark.slow
@pytest.mark.parallel
def test_a_test_that_fails_fails_the_command() -> None:
    nonexistent = argparse.Namespace(words=["tests/bot/commands/nonexistent.py"], all=False, fast=False)
    assert command.run(nonexistent, Settings()) == 1


@pytest.mark.slow
@pytest.mark.parallel
def test_pytest_is_shown_as_it_runs_and_counted(capsys) -> None:
    words = ["tests/bot/commands/test_test.py::test_checks_come_first_then_the_fast_tests"]
    assert command.run(argparse.Namespace(words=words, all=False, fast=False), Settings()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "1 passed" in lines[-3] and lines[-1].startswith("understudy test: 1 passed in ")


def test_a_benchmark_that_does_not_exist_is_named_with_those_that_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "bench", "nothing"], cwd=command.ROOT, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "'nothing'" in done.stderr and "startup" in done.stderr and "(no_such_benchmark)" in done.stderr


FAILS_ONCE = """
from pathlib import Path
def test_fails_once():
    mark = Path(__file__).with_suffix(".seen")
    seen = mark.exists()
    mark.touch()
    assert seen
"""


def _real(folder: Path, source: str) -> command.Outcome:
    path = folder / "test_given.py"
    path.write_text(source)
    argv = (sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", str(path))
    return command.run_step(command.Step(name="given", argv=argv, again=True))


@pytest.mark.slow
@pytest.mark.parallel
def test_what_passes_alone_after_failing_is_counted_as_flaky(tmp_path: Path) -> None:
    outcome = _real(tmp_path, FAILS_ONCE + "\ndef test_passes():\n    pass\n")
    assert outcome.ok and outcome.counts == Counter({"passed": 1, "flaky": 1})


@pytest.mark.slow
@pytest.mark.parallel
def test_what_fails_twice_has_failed(tmp_path: Path) -> None:
    outcome = _real(tmp_path, "def test_fails():\n    assert False\n")
    assert not outcome.ok and outcome.counts == Counter({"failed": 1})


@pytest.mark.slow
@pytest.mark.parallel
def test_many_failures_are_not_run_again(tmp_path: Path, capsys) -> None:
    source = "".join(f"def test_fails_{i}():\n    assert False\n" for i in range(command.MOST_RUN_AGAIN + 1))
    outcome = _real(tmp_path, source)
    assert not outcome.ok and outcome.counts == Counter({"failed": command.MOST_RUN_AGAIN + 1})
    assert "once more" not in capsys.readouterr().out
