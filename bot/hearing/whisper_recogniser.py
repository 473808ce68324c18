"""faster-whisper, where its package and a folder of weights are given. Its own process, as the embedded recogniser.

Not streaming: the stretch is decoded at its end, so the words come later the longer it was. Only what can be checked
without weights is tested: the errors, and the protocol around the decoder.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from bot.child import Child, ChildDied, ChildTimedOut
from bot.hearing.base import RATE_HZ, HeardWord, HearingError, Pcm, Recognised, RecogniserSlow

FINISH_TIMEOUT_S = 10.0
LOAD_TIMEOUT_S = 120.0


class WeightsMissing(HearingError):
    """The folder in UNDERSTUDY_WHISPER_MODEL holds no faster-whisper weights (model.bin and config.json)."""

    code = "weights_missing"
    retryable = False


class WhisperMissing(HearingError):
    """faster-whisper is not installed; `pip install faster-whisper` brings it."""

    code = "whisper_missing"
    retryable = False


class WhisperRecogniser:
    """`hint`: names and words to expect, given to the decoder as its prompt."""

    name = "faster-whisper"
    grade = "production"

    def __init__(self, folder: Path, *, hint: str = "", compute_type: str = "int8") -> None:
        self._folder, self._hint, self._compute_type = folder, hint, compute_type
        self._child = Child(["bot.hearing.whisper_process"])
        self._starts: dict[str, int] = {}

    async def start(self, stream: str, start_sample: int) -> None:
        self._starts[stream] = start_sample
        await self._send({"do": "start", "stream": stream})

    async def feed(self, stream: str, pcm: Pcm) -> None:
        await self._send({"do": "feed", "stream": stream}, pcm.astype("<i2").tobytes())

    async def finish(self, stream: str) -> Recognised:
        start = self._starts.pop(stream, 0)
        answer = await self._ask({"do": "finish", "stream": stream}, FINISH_TIMEOUT_S)
        words = tuple(
            HeardWord(
                start_sample=start + round(begin_s * RATE_HZ),
                end_sample=start + round(end_s * RATE_HZ),
                text=text.strip(),
                confidence=confidence,
            )
            for begin_s, end_s, text, confidence in answer["words"]
        )
        return Recognised(text=answer["text"].strip(), words=words, confidence=float(answer["confidence"]))

    async def __aenter__(self) -> Self:
        """Raises WhisperMissing, WeightsMissing, HearingError."""
        if not all((self._folder / name).is_file() for name in ("model.bin", "config.json")):
            raise WeightsMissing(f"no faster-whisper weights in {self._folder}")
        if find_spec("faster_whisper") is None:
            raise WhisperMissing(WhisperMissing.__doc__)
        await self._child.start()
        request = {"do": "load", "folder": str(self._folder), "compute_type": self._compute_type, "hint": self._hint}
        try:
            answer = await self._ask(request, LOAD_TIMEOUT_S)
            if "error" in answer:
                raise WeightsMissing(f"the weights in {self._folder} cannot be loaded: {answer['error']}")
        except HearingError:
            await self._child.aclose()
            raise
        return self

    async def until_died(self) -> None:
        await self._child.until_died()

    async def __aexit__(self, *exc: object) -> None:
        await self._child.aclose()

    async def _send(self, header: dict[str, Any], body: bytes = b"") -> None:
        try:
            await self._child.send(header, body)
        except ChildDied as error:
            raise HearingError(f"faster-whisper: {error}") from error

    async def _ask(self, header: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        try:
            answer, _ = await self._child.ask(header, timeout_s=timeout_s)
        except ChildTimedOut as error:
            raise RecogniserSlow(f"faster-whisper: {error}") from error
        except ChildDied as error:
            raise HearingError(f"faster-whisper: {error}") from error
        return answer
