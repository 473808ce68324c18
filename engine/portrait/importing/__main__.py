"""Import as a process: python -m engine.portrait.importing PICTURE FOLDER ENVIRONMENTS [--points FILE] [--style STYLE].

A picture is a stranger's file, and decoding it is nothing for a process that has more to lose. The last line of
standard output is JSON: {"report": ...}, or {"code": ..., "error": ..., "bad_picture": ...}; progress goes to standard
error. Asked to end (SIGTERM, Ctrl-C, the end of who started it) it ends what it runs and leaves nothing behind.
Meetings go first: they have frames to make, and where memory ends, a picture of 64 million pixels is what goes.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.api import BadCharacter, EngineError
from engine.portrait.importing.environment import Analyser
from engine.portrait.importing.make import import_picture
from engine.portrait.parent import be_told_of_its_end
from engine.portrait.record import Style

NICE, FIRST_TO_GO = 10, "1000"


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # an exception: what is open is closed
    be_told_of_its_end(signal.SIGTERM)
    os.nice(NICE)
    with suppress(OSError):  # a system may keep this from us
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    told = _imported()
    print(json.dumps(told), flush=True)
    return 1 if "error" in told else 0


def _imported() -> dict[str, Any]:
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
        return {"code": error.code, "error": sentence, "bad_picture": isinstance(error, BadCharacter)}
    except OSError as error:  # a full disk, most of all; its path is nothing for those who ask by the API
        return {"code": "not_kept", "error": f"the portrait cannot be kept: {error.strerror}", "bad_picture": False}
    return {"report": made.report}


if __name__ == "__main__":
    raise SystemExit(main())
