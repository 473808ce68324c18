"""The latency of a turn at the bot's device, on the real stage: twenty questions, each stage, and a waterfall.

From the last voiced sample of a question to the first audible sample of the answer. Options: `--questions FILE` (more
than one: asked one after the other), `--out FOLDER` for the waterfall; others go to `understudy demo --rehearse`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.domain.turn_record import STAGES
from bot.library import SHIPPED
from tests.benchmarks._report import ROOT, commit, last_line_of, percentiles, report
from tests.benchmarks._waterfall import Row, svg

QUESTIONS = 20
SETTLE_S = 20.0
LIMIT_S = 1500
MEDIAN_MS, P95_MS, OVERHEAD_P95_MS = 1500.0, 2200.0, 50.0
RESULTS = ROOT / "tests" / "benchmarks" / "results"

Turn = Mapping[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(prog="understudy bench turn")
    parser.add_argument("--questions", type=Path, action="append", metavar="FILE")
    parser.add_argument("--count", type=int, default=QUESTIONS, help="how many are asked; a file is begun again")
    parser.add_argument("--settle", type=float, default=SETTLE_S, metavar="SECONDS")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER")
    args, options = parser.parse_known_args()
    asked = questions(args.questions or [SHIPPED / "rehearsal-ten.json"], args.count)
    whole, status = rehearsed(asked, settle_s=args.settle, options=options)
    figures = figures_of(whole)
    turns = [turn for turn in whole["turns"] if turn["latency_device_ms"] is not None]
    if turns:
        waterfall = drawn(turns, args.out, figures).resolve()
        figures["waterfall"] = str(waterfall.relative_to(ROOT) if waterfall.is_relative_to(ROOT) else waterfall)
    report("turn", {"questions": len(asked), "settle_s": args.settle, "options": options}, figures)
    return status or int(not figures["ok"])


def questions(files: Sequence[Path], count: int) -> list[Any]:
    once = [question for file in files for question in json.loads(file.read_text(encoding="utf-8"))]
    return (once * (count // len(once) + 1))[:count]


def rehearsed(asked: Sequence[Any], *, settle_s: float, options: Sequence[str]) -> tuple[dict[str, Any], int]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(list(asked), file)
        file.flush()
        words = ["demo", "--rehearse", "--headless", "--questions", file.name, "--settle", str(settle_s), *options]
        return last_line_of(words, limit_s=LIMIT_S)


def figures_of(whole: Mapping[str, Any]) -> dict[str, Any]:
    """`median_ms` and `p95_ms` are of the turns that were answered; `missed_answers` counts the others."""
    turns: list[Turn] = whole["turns"]
    latency = _percentiles([turn["latency_device_ms"] for turn in turns])
    overhead = _percentiles([turn["overhead_ms"] for turn in turns])
    missed = _missed(latency, overhead)
    return {
        "ok": whole["ok"] and not missed,
        "problems": [*whole["problems"], *missed],
        "n": latency["count"] if latency else 0,
        "median_ms": latency["p50"] if latency else None,
        "p95_ms": latency["p95"] if latency else None,
        "targets_ms": {"median": MEDIAN_MS, "p95": P95_MS, "overhead_p95": OVERHEAD_P95_MS},
        "latency_device_ms": latency,
        "first_frame_device_ms": _percentiles([turn["first_frame_device_ms"] for turn in turns]),
        "latency_received_ms": _percentiles([turn["latency_ms"] for turn in turns]),
        "stages_ms": _by_part([turn["stages"] for turn in turns], [stage for stage, _ in STAGES]),
        "overhead_p95_ms": overhead["p95"] if overhead else None,
        "overhead_ms": overhead,
        "overhead_parts_ms": _by_part([turn["overhead_parts_ms"] for turn in turns]),
        "arrival_ms": _percentiles([turn["arrival_ms"] for turn in turns]),
        "wait_for_frame_ms": _percentiles([turn["wait_for_frame_ms"] for turn in turns]),
        "av_offset_device_ms": _percentiles([turn["av_offset_device_ms"] for turn in turns]),
        "missed_answers": sum(turn["latency_ms"] is None for turn in turns),
        "false_answers": whole.get("unasked_answers"),
        "passages_wrong": sum(turn["passage_right"] is False for turn in turns),
        "bot": whole.get("bot"),
    }


def _missed(latency: Mapping[str, Any] | None, overhead: Mapping[str, Any] | None) -> list[str]:
    """In words, each target that was not reached or not measured."""
    rows = (("median", latency, "p50", MEDIAN_MS), ("p95", latency, "p95", P95_MS))
    rows += (("overhead p95", overhead, "p95", OVERHEAD_P95_MS),)
    found = [(name, of[key] if of else None, most) for name, of, key, most in rows]
    return [
        f"{name} is {'not known' if value is None else f'{value:.0f} ms'}, more than {most:.0f} ms"
        for name, value, most in found
        if value is None or value > most
    ]


def drawn(turns: Sequence[Turn], folder: Path, figures: Mapping[str, Any]) -> Path:
    rows = [
        Row(
            label=f"{number}. {turn['question']}",
            stages_ms=turn["stages"],
            overhead_ms=turn["overhead_ms"],
            wait_ms=turn["wait_for_frame_ms"],
            first_frame_ms=turn["first_frame_device_ms"],
        )
        for number, turn in enumerate(turns, 1)
    ]
    title = (
        f"A turn at the device: median {figures['median_ms']:.0f} ms, p95 {figures['p95_ms']:.0f} ms, "
        f"n = {figures['n']}, commit {commit()}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "turn.svg"
    marks = {f"median {MEDIAN_MS:.0f}": MEDIAN_MS, f"p95 {P95_MS:.0f}": P95_MS}
    path.write_text(svg(title, rows, marks_ms=marks), encoding="utf-8")
    return path


def _by_part(turns: Sequence[Mapping[str, float]], order: Sequence[str] = ()) -> dict[str, Any]:
    values: dict[str, list[float]] = defaultdict(list)
    for turn in turns:
        for part, took_ms in turn.items():
            values[part].append(took_ms)
    ordered = [*(part for part in order if part in values), *(part for part in values if part not in order)]
    return {part: _percentiles(values[part]) for part in ordered}


def _percentiles(values: Sequence[float | None]) -> dict[str, float | int] | None:
    known = [value for value in values if value is not None]
    return percentiles(known, digits=1) if known else None


if __name__ == "__main__":
    raise SystemExit(main())
