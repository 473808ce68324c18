"""`understudy test`: style, types and architecture first, then the fast tests, then those on real parts.

Words this command does not know go to pytest (`understudy test tests/engine -k mouth`, or after `--` when the first one
is an option). With such words only what they select runs; without any, everything but the acceptance sizes.

Real parts that mind nobody beside them (`parallel`: databases, brokers, processes, models) are tested two at a time,
the others one by one: browsers and sound keep real time, which a neighbour would take from them. A few that fail are
run once more, alone. What passes then is not hidden: it is shown as it failed, and counted as flaky in the last line.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.config import Settings, environment_with

HELP = "run the tests"
ROOT = Path(__file__).resolve().parents[2]
FAST_LIMIT_S = 90.0
PYTEST_FOUND_NONE = 5  # exit code
PYTEST_FAILED = 1
MOST_RUN_AGAIN = 3  # more have failed for a cause they share
# Containers often say that nothing compiled is kept: then each of hundreds of processes compiles everything again.
KEEP_COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    name: str
    argv: tuple[str, ...]
    quiet: bool = False  # its output is shown only when it fails
    may_be_empty: bool = False  # a run of pytest that finds no test has not failed
    again: bool = False  # a few failures are run once more


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    ok: bool
    took_s: float
    counts: Counter[str] = field(default_factory=Counter)  # of pytest's closing line: passed, failed, skipped


def _module(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *words)


CHECKS = (
    Step(name="ruff check", argv=_module("ruff", "check", "."), quiet=True),
    Step(name="ruff format", argv=_module("ruff", "format", "--check", "."), quiet=True),
    Step(name="import contracts", argv=(str(Path(sys.executable).with_name("lint-imports")),), quiet=True),
    Step(name="mypy", argv=_module("mypy"), quiet=True),
)
PYTEST = _module("pytest", "-q", "--durations", "12", "--durations-min", "2")  # the slowest dozen is named
SIDE_BY_SIDE = (*PYTEST, "--dist", "worksteal")
# Each waits for about a third of its time: three fill two cores.
FAST = Step(name="fast tests", argv=(*SIDE_BY_SIDE, "-n", "3", "-m", "not slow and not acceptance"))
PARALLEL = Step(
    name="tests on real parts, two at a time",
    argv=(*SIDE_BY_SIDE, "-n", "2", "-m", "slow and parallel and not acceptance"),
    may_be_empty=True,
    again=True,
)
REAL = Step(
    name="tests on real parts, one by one",
    argv=(*PYTEST, "-m", "slow and not parallel and not acceptance"),
    may_be_empty=True,
    again=True,
)
ACCEPTANCE = (
    Step(
        name="acceptance, two at a time",
        argv=(*SIDE_BY_SIDE, "-n", "2", "-m", "acceptance and parallel"),
        may_be_empty=True,
    ),
    Step(name="acceptance, one by one", argv=(*PYTEST, "-m", "acceptance and not parallel"), may_be_empty=True),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="the acceptance sizes too (two hours and more on two cores)")
    parser.add_argument("--fast", action="store_true", help="the checks and the fast tests only")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="go to pytest, and choose what runs")


def run(args: argparse.Namespace, settings: Settings) -> int:
    checks, runs = plan(words_of(args), acceptance=args.all, fast_only=args.fast)
    checked = [run_step(step) for step in checks]
    if not all(outcome.ok for outcome in checked):
        print("understudy test: failed before any test ran", flush=True)
        return 1
    outcomes = []
    for step in runs:
        outcomes.append(outcome := run_step(step))
        if step is FAST and outcome.took_s > FAST_LIMIT_S:
            print(f"warning: the fast tests should stay under {FAST_LIMIT_S:.0f} s", flush=True)
    counts: Counter[str] = sum((outcome.counts for outcome in outcomes), Counter())
    took_s = sum(outcome.took_s for outcome in checked + outcomes)
    print(f"understudy test: {', '.join(f'{n} {what}' for what, n in counts.items())} in {took_s:.0f} s", flush=True)
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def words_of(args: argparse.Namespace) -> list[str]:
    """The caller's own words for pytest."""
    return list(args.words[1:] if args.words[:1] == ["--"] else args.words)


def plan(words: Sequence[str], *, acceptance: bool, fast_only: bool) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """What is checked before the tests, and the runs of pytest. Words of the caller's own choose one run."""
    if words:
        return (), (Step(name="chosen tests", argv=_module("pytest", *words)),)
    if fast_only:
        return CHECKS, (FAST,)
    return CHECKS, (FAST, PARALLEL, REAL, *ACCEPTANCE) if acceptance else (FAST, PARALLEL, REAL)


def run_step(step: Step) -> Outcome:
    began_s = time.monotonic()
    if not step.quiet:
        print(f"== {step.name}", flush=True)
    told: list[str] = []
    with subprocess.Popen(
        step.argv,
        cwd=ROOT,
        env=environment_with(KEEP_COMPILED),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            told.append(line)
            if not step.quiet:
                print(line, end="", flush=True)
    ok = process.returncode == 0 or (step.may_be_empty and process.returncode == PYTEST_FOUND_NONE)
    if step.quiet and not ok:
        print("".join(told), end="")
    took_s = time.monotonic() - began_s
    counts = closing_counts(told[-1] if told else "")
    print(f"== {step.name}: {'ok' if ok else f'failed (exit {process.returncode})'}, {took_s:.1f} s", flush=True)
    failed = failed_tests(told)
    if step.again and process.returncode == PYTEST_FAILED and 0 < len(failed) <= MOST_RUN_AGAIN:
        return _again(Outcome(ok=False, took_s=took_s, counts=counts), failed)
    return Outcome(ok=ok, took_s=took_s, counts=counts)


def _again(first: Outcome, failed: Sequence[str]) -> Outcome:
    """The outcome when these failed tests have had a second run of their own."""
    second = run_step(Step(name=f"once more, alone: {', '.join(failed)}", argv=_module("pytest", "-q", *failed)))
    counts = Counter({what: n for what, n in first.counts.items() if what not in ("failed", "error")})
    counts["flaky"] = second.counts["passed"]
    counts += Counter({what: n for what, n in second.counts.items() if what in ("failed", "error")})
    return Outcome(ok=second.ok, took_s=first.took_s + second.took_s, counts=counts)


def failed_tests(told: Sequence[str]) -> list[str]:
    """The node ids of pytest's short summary, in order, each once."""
    found = (re.match(r"(?:FAILED|ERROR) (\S+::\S.*?)(?: - .*)?$", line.rstrip()) for line in told)
    return list(dict.fromkeys(match.group(1) for match in found if match))


def closing_counts(line: str) -> Counter[str]:
    """ "12 passed, 1 skipped in 3.21s" as numbers; empty for any other line."""
    found = re.findall(r"(\d+) (passed|failed|skipped|errors?|xfailed|xpassed)\b", line) if " in " in line else []
    return Counter({what.rstrip("s") if what == "errors" else what: int(number) for number, what in found})
