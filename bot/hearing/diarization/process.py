"""Diarization behind a pipe: `python -m bot.hearing.diarization.process`. Requests (bot/child.py): `load` with the
model's place, then `hear` with sound (body: s16 mono 16 kHz) at a position, answered with the events of it.

pyannote.audio takes seconds to import and a tenth of a core to run, so it works here. The environment is set by who
starts this: reporting to its maker is off before the first import.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

import numpy as np

from bot.child import ParentPipe
from bot.hearing.diarization.base import DiarizerMissing
from bot.hearing.diarization.stream import DiarizationStream
from bot.hearing.diarization.wire import to_json


def load(source: str) -> tuple[DiarizationStream | None, dict[str, Any]]:
    from bot.hearing.diarization.pyannote_voices import load_voices

    try:
        return DiarizationStream(load_voices(source)), {}
    except DiarizerMissing as missing:
        return None, {"problem": missing.code, "detail": str(missing)}


def hear(stream: DiarizationStream, request: dict[str, Any], body: bytes) -> dict[str, Any]:
    told = stream.feed(request["start"], np.frombuffer(body, "<i2"), dropped_samples=request["dropped"])
    return {"events": [to_json(event) for event in told], "counts": asdict(stream.counts)}


def main() -> None:
    pipe = ParentPipe()
    stream: DiarizationStream | None = None
    while (frame := pipe.receive()) is not None:
        request, body = frame
        match request["do"]:
            case "load":
                stream, answer = load(request["source"])
                pipe.answer({"id": request["id"], **answer})
            case "hear":
                assert stream is not None, "asked to hear before a model was loaded"
                pipe.answer({"id": request["id"], **hear(stream, request, body)})
    os._exit(0)  # taking torch and its threads down in order takes seconds and saves nothing


if __name__ == "__main__":
    main()
