"""`understudy doctor`: what is here, what is missing, how to get it. Exit code 1 when something required is missing."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from bot.config import Settings
from bot.doctor.checks import CHECKS
from bot.doctor.examine import Finding, State, examine

HELP = "what is here, what is missing, how to get it"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings as one JSON document")


def run(args: argparse.Namespace, settings: Settings) -> int:
    findings = examine(CHECKS, settings)
    complete = all(finding.state is not State.MISSING for finding in findings)
    if args.json:
        print(json.dumps({"ok": complete, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        print("\n".join(line for finding in findings for line in _lines(finding)))
        print("\nEverything required is here." if complete else "\nSomething required is missing.")
    return 0 if complete else 1


def _lines(finding: Finding) -> list[str]:
    lines = [f"{finding.state.value:9} {finding.name:18} {finding.detail}"]
    if finding.state is not State.FOUND:
        lines.append(f"{'':9} {'':18} for: {finding.what_for}")
        lines.append(f"{'':9} {'':18} get: {finding.how_to_get}")
    return lines
