"""The embedded recogniser: pocketsphinx with its own acoustic model and a language model made from the knowledge.

Demo grade: it hears clear English about what it has read, and guesses at the rest. The work is done in
`pocketsphinx_process.py`; this is its client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Self

from bot.child import Child, ChildDied, ChildTimedOut
from bot.hearing.base import RATE_HZ, HeardWord, HearingError, Pcm, Recognised, RecogniserSlow
from bot.hearing.language_model import folder_name, unknown_words

FINISH_TIMEOUT_S = 10.0
LOAD_TIMEOUT_S = 30.0
BUILD_TIMEOUT_S = 120.0
SAMPLES_PER_FRAME = RATE_HZ // 100
PARTIAL_SAMPLES = RATE_HZ // 10  # how much new sound is worth asking about
OPTIONS: dict[str, Any] = {"lw": 6.5, "wip": 0.5, "fwdflat": True, "bestpath": True}

Pronounce = Callable[[Sequence[str]], Awaitable[dict[str, str]]]


class PocketsphinxRecogniser:
    """`texts`: passages and headings; `names`: how the character is called; `pronounce`: IPA of words no dictionary
    has (bot.voice.espeak), without which they are not heard; `cache`: where models made from texts are kept."""

    name = "pocketsphinx"
    grade = "demo"

    def __init__(
        self,
        *,
        texts: Sequence[str],
        names: Sequence[str],
        cache: Path,
        pronounce: Pronounce | None = None,
        options: dict[str, Any] | None = None,
        finish_timeout_s: float = FINISH_TIMEOUT_S,
    ) -> None:
        self._texts, self._names = list(texts), list(names)
        self._cache, self._pronounce = cache, pronounce
        self._options = OPTIONS | (options or {})
        self._finish_timeout_s = finish_timeout_s
        self._child = Child(["bot.hearing.pocketsphinx_process"])
        self._starts: dict[str, int] = {}
        self._unasked: dict[str, int] = {}  # samples fed since the last partial was asked for
        self._partials: dict[str, str] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    @property
    def pid(self) -> int | None:
        return self._child.pid

    async def start(self, stream: str, start_sample: int) -> None:
        self._starts[stream] = start_sample
        self._unasked[stream] = 0
        await self._send({"do": "start", "stream": stream})

    async def feed(self, stream: str, pcm: Pcm) -> None:
        await self._send({"do": "feed", "stream": stream}, pcm.astype("<i2").tobytes())
        if stream not in self._unasked:
            return
        self._unasked[stream] += len(pcm)
        if self._unasked[stream] >= PARTIAL_SAMPLES and stream not in self._asking:
            self._asking[stream] = asyncio.create_task(self._ask_partial(stream), name=f"partial of {stream}")

    def partial(self, stream: str) -> str:
        return self._partials.get(stream, "")

    async def _ask_partial(self, stream: str) -> None:
        """One question at a time: a decoder that is behind answers when it comes to it, and nothing waits for it."""
        try:
            while self._unasked.get(stream, 0) >= PARTIAL_SAMPLES:
                self._unasked[stream] = 0
                start = self._starts[stream]
                answer = await self._ask({"do": "partial", "stream": stream}, FINISH_TIMEOUT_S)
                if self._starts.get(stream) == start:
                    self._partials[stream] = answer["text"]
        except HearingError:
            return  # whoever waits for the words of the end is told
        finally:
            del self._asking[stream]

    async def finish(self, stream: str) -> Recognised:
        start = self._starts.pop(stream, 0)
        self._unasked.pop(stream, None)
        self._partials.pop(stream, None)
        answer = await self._ask({"do": "finish", "stream": stream}, self._finish_timeout_s)
        words = tuple(
            HeardWord(
                start_sample=start + first * SAMPLES_PER_FRAME,
                end_sample=start + (last + 1) * SAMPLES_PER_FRAME,
                text=text.split("(")[0],
                confidence=confidence,
            )
            for first, last, text, confidence in answer["words"]
            if not text.startswith(("<", "["))
        )
        confidence = sum(word.confidence for word in words) / len(words) if words else 0.0
        text = " ".join(word.text for word in words)
        return Recognised(text=text, words=words, confidence=confidence, alternatives=tuple(answer["alternatives"]))

    async def __aenter__(self) -> Self:
        """Makes the language model when the cache has none. Raises HearingError."""
        await self._child.start()
        try:
            folder = self._cache / folder_name(self._texts, self._names)
            if not folder.is_dir():
                await self._build(folder)
            await self._ask({"do": "load", "folder": str(folder), "options": self._options}, LOAD_TIMEOUT_S)
        except HearingError:
            await self._child.aclose()
            raise
        return self

    async def until_died(self) -> None:
        await self._child.until_died()

    async def __aexit__(self, *exc: object) -> None:
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await self._child.aclose()

    async def _build(self, folder: Path) -> None:
        unknown = await asyncio.to_thread(unknown_words, self._texts, self._names)
        ipa = await self._pronounce(unknown) if self._pronounce and unknown else {}
        request = {"do": "build", "folder": str(folder), "texts": self._texts, "names": self._names, "ipa": ipa}
        await self._ask(request, BUILD_TIMEOUT_S)

    async def _send(self, header: dict[str, Any], body: bytes = b"") -> None:
        try:
            await self._child.send(header, body)
        except ChildDied as error:
            raise HearingError(f"pocketsphinx: {error}") from error

    async def _ask(self, header: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        try:
            answer, _ = await self._child.ask(header, timeout_s=timeout_s)
        except ChildTimedOut as error:
            raise RecogniserSlow(f"pocketsphinx: {error}") from error
        except ChildDied as error:
            raise HearingError(f"pocketsphinx: {error}") from error
        return answer
