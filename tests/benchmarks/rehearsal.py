"""A whole rehearsal with ten questions on the real parts: how often right, how fast, how well in time, at what cost.

Options go to `understudy demo --rehearse` (`--voice espeak`, `--questions FILE`).
"""

from __future__ import annotations

import sys

from bot.library import SHIPPED
from tests.benchmarks._report import last_line_of, percentiles, report

LIMIT_S = 900


def main() -> int:
    options = sys.argv[1:]
    if "--questions" not in options:
        options += ["--questions", str(SHIPPED / "rehearsal-ten.json")]
    whole, status = last_line_of(["demo", "--rehearse", "--headless", *options], limit_s=LIMIT_S)
    turns = whole["turns"]
    judged = [turn["passage_right"] for turn in turns if turn["passage_right"] is not None]
    figures = {
        "ok": whole["ok"],
        "problems": whole["problems"],
        "questions": len(turns),
        "passages_right": sum(judged),
        "passages_judged": len(judged),
        "heard": [[turn["question"], turn["heard"], turn["passage_right"]] for turn in turns],
        "video": whole.get("video"),
        "bot": whole.get("bot"),
        "joined_s": whole.get("joined_s"),
    }
    for key in ("latency_device_ms", "latency_ms", "av_offset_device_ms", "av_offset_received_ms"):
        values = [turn[key] for turn in turns if turn[key] is not None]
        figures[key] = percentiles(values, digits=1) if values else None
    report("rehearsal", {"options": options}, figures)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
