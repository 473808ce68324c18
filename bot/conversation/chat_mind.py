"""A mind by any OpenAI-compatible chat endpoint: streamed, cut into clauses, resting on retrieved passages.

When the endpoint fails before anything was said, the quoting mind answers instead and the log says why; when it fails
halfway, the answer ends with the last whole clause. The key goes into the request's header and nowhere else.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.clauses import ClauseSplitter
from bot.conversation.base import Clause, ConversationError, Knowledge, Mind, Passage, Said
from bot.conversation.prompt import messages
from bot.log import get_log

MAX_ANSWER_CHARS = 1500
MAX_LINE_BYTES = 256 * 1024

log = get_log(__name__)


class EndpointRefused(ConversationError):
    """The language model's endpoint refuses requests; look at its URL, key and model name."""

    code = "endpoint_refused"
    retryable = False


class EndpointBusy(ConversationError):
    """The language model's endpoint takes no more requests now."""

    code = "endpoint_busy"


class EndpointFailed(ConversationError):
    """The language model's endpoint cannot be reached, or broke off."""

    code = "endpoint_failed"


class EndpointSlow(ConversationError):
    """The language model's endpoint answers too slowly for a conversation."""

    code = "endpoint_slow"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatEndpoint:
    """`url` is the base, such as http://127.0.0.1:11434/v1."""

    url: str
    model: str
    api_key: str = field(default="", repr=False)
    first_timeout_s: float = 6.0  # to the first words
    next_timeout_s: float = 5.0  # between two pieces
    max_tokens: int = 220
    temperature: float = 0.4


class ChatMind:
    """Satisfies `base.Mind`. `fallback` answers when the endpoint does not."""

    def __init__(
        self,
        endpoint: ChatEndpoint,
        *,
        persona: str,
        knowledge: Knowledge,
        fallback: Mind,
        session: aiohttp.ClientSession,
    ) -> None:
        self._endpoint, self._persona = endpoint, persona
        self._knowledge, self._fallback, self._session = knowledge, fallback, session

    async def answer(
        self, question: str, *, speaker: str, history: Sequence[Said], readings: Sequence[str] = ()
    ) -> AsyncIterator[Clause]:
        passages = await self._knowledge.search(question, readings=readings)
        rests_on = tuple(passage.passage_id for passage in passages)
        spoken = 0
        try:
            async for clause, first_token_s in self._clauses(question, speaker, history, passages):
                yield Clause(text=clause, passages=rests_on, first_token_s=first_token_s)
                spoken += 1
            if not spoken:
                raise EndpointFailed("the endpoint sent an empty answer")
        except ConversationError as error:
            log.warning("language model failed", code=error.code, reason=str(error), clauses=spoken)
            if not spoken:
                async for quoted in self._fallback.answer(
                    question, speaker=speaker, history=history, readings=readings
                ):
                    yield quoted

    async def _clauses(
        self, question: str, speaker: str, history: Sequence[Said], passages: Sequence[Passage]
    ) -> AsyncIterator[tuple[str, float | None]]:
        """Each with the moment of the answer's first words."""
        splitter, length = ClauseSplitter(), 0
        first_s: float | None = None
        async for text in self._text(messages(self._persona, question, speaker, history, passages)):
            first_s = first_s or time.monotonic()
            for clause in splitter.add(text):
                yield clause, first_s
            length += len(text)
            if length >= MAX_ANSWER_CHARS:
                return
        for clause in splitter.close():
            yield clause, first_s

    async def _text(self, said: list[dict[str, str]]) -> AsyncIterator[str]:
        """Pieces of text as the endpoint streams them. Raises ConversationError."""
        endpoint = self._endpoint
        request = {
            "model": endpoint.model,
            "messages": said,
            "stream": True,
            "max_tokens": endpoint.max_tokens,
            "temperature": endpoint.temperature,
        }
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        url = endpoint.url.rstrip("/") + "/chat/completions"
        try:
            async with asyncio.timeout(endpoint.first_timeout_s):
                answer = await self._session.post(url, json=request, headers=headers)
            async with answer:
                _check(answer.status)
                async for text in self._pieces(answer):
                    yield text
        except TimeoutError as error:
            raise EndpointSlow(f"nothing within {endpoint.first_timeout_s:g} s") from error
        except (aiohttp.ClientError, ValueError) as error:  # ValueError: a line too long, or no JSON
            raise EndpointFailed(f"the connection broke: {type(error).__name__}") from error

    async def _pieces(self, answer: aiohttp.ClientResponse) -> AsyncIterator[str]:
        """Server-sent events of chat completions; other lines are comments."""
        timeout_s = self._endpoint.first_timeout_s
        while True:
            async with asyncio.timeout(timeout_s):
                line = await answer.content.readline()
            if not line:
                raise EndpointFailed("the stream ended without [DONE]")
            if len(line) > MAX_LINE_BYTES:
                raise EndpointFailed("the stream has a line too long")
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            if text := _delta(json.loads(data)):
                timeout_s = self._endpoint.next_timeout_s
                yield text


def _check(status: int) -> None:
    if status == 429:
        raise EndpointBusy("HTTP 429")
    if 400 <= status < 500:
        raise EndpointRefused(f"HTTP {status}")
    if status != 200:
        raise EndpointFailed(f"HTTP {status}")


def _delta(event: Any) -> str:
    choices = event.get("choices") if isinstance(event, dict) else None
    if not choices:
        return ""
    text = (choices[0].get("delta") or {}).get("content")
    return text if isinstance(text, str) else ""
