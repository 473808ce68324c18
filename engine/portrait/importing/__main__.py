"""Import as a process: python -m engine.portrait.importing PICTURE FOLDER ENVIRONMENTS [--points FILE] [--style STYLE].

A picture is a stranger's file, and decoding it is nothing for a process that has more to lose. The last line of
standard output is JSON: {"report": ...}, or {"code": ..., "error": ..., "bad_picture": ...}; progress goes to standard
error.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from engine.api import BadCharacter, EngineError
from engine.portrait.importing.environment import Analyser
from engine.portrait.importing.make import import_picture
from engine.portrait.record import Style


def main() -> int:
    parser = argparse.ArgumentParser(prog="engine.portrait.importing")
    for name in ("picture", "folder", "environments"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--points", type=Path)
    parser.add_argument("--style", type=Style)
    args = parser.parse_args()
    try:
        made = import_picture(
            args.picture.read_bytes(),
            args.folder,
            analyser=Analyser(args.environments, tell=lambda line: print(line, file=sys.stderr, flush=True)),
            points=args.points.read_text(errors="replace") if args.points else None,
            style=args.style,
        )
    except EngineError as error:
        sentence = str(error) or (type(error).__doc__ or "").strip()
        told = {"code": error.code, "error": sentence, "bad_picture": isinstance(error, BadCharacter)}
        print(json.dumps(told), flush=True)
        return 1
    print(json.dumps({"report": made.report}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
