"""A child process that talks in frames over its standard input and output: how parts that must not share our process
(a GPL library, a decoder that holds the interpreter lock) are asked for work.

A frame is two big-endian uint32 (lengths of header and body), a JSON object as header, then the body's bytes. Knows
nothing of what is asked. Linux only: the child asks the kernel to be killed when its parent ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from bot.supervision.kernel import die_with_parent

LENGTHS = struct.Struct(">II")
MAX_HEADER_BYTES = 4 * 1024 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
END_TIMEOUT_S = 2.0

Frame = tuple[dict[str, Any], bytes]


class ChildDied(Exception):
    """A helper process of the bot ended or broke its protocol."""


class ChildTimedOut(Exception):
    """A helper process of the bot gave no answer in time."""


class Child:
    """The parent's side. Frames sent with `ask` carry an `id`, and the answer is the frame with the same `id`, so an
    answer nobody waits for any more is dropped without harm. `environment`: the whole of it; None: ours."""

    def __init__(self, command: Sequence[str], *, nice: int = 0, environment: Mapping[str, str] | None = None) -> None:
        self._command = [sys.executable, "-m", *command]
        self._nice, self._environment = nice, environment
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Frame]] = {}
        self._next_id = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        command = ["nice", "-n", str(self._nice), *self._command] if self._nice else self._command
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, env=self._environment)
        self._reader = asyncio.create_task(self._read(), name=f"read {self._command[-1]}")

    async def ask(self, header: dict[str, Any], body: bytes = b"", *, timeout_s: float) -> Frame:
        """Send and wait for the answer. Raises ChildDied, ChildTimedOut."""
        self._next_id += 1
        number = self._next_id
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self.send({**header, "id": number}, body)
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            raise ChildTimedOut(f"no answer within {timeout_s:g} s") from error
        finally:
            self._waiting.pop(number, None)

    async def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Send without an answer; waits while the pipe is full. Raises ChildDied."""
        if self._process is None or self._process.stdin is None or self._reader is None or self._reader.done():
            raise ChildDied("the process is not running")
        self._process.stdin.write(encode(header, body))
        try:
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise ChildDied("the process ended") from error

    async def until_died(self) -> None:
        """Returns when it ended, or broke its protocol, by itself; of no use after `aclose`."""
        assert self._reader is not None
        await asyncio.wait([self._reader])

    async def aclose(self) -> None:
        """End the process: its input closes, and it is killed when that does not end it. Safe twice."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), END_TIMEOUT_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        stdout = self._process.stdout
        try:
            while True:
                header_length, body_length = LENGTHS.unpack(await stdout.readexactly(LENGTHS.size))
                if header_length > MAX_HEADER_BYTES or body_length > MAX_BODY_BYTES:
                    return
                header = json.loads(await stdout.readexactly(header_length))
                body = await stdout.readexactly(body_length)
                answer = self._waiting.get(header.get("id", 0))
                if answer is not None and not answer.done():
                    answer.set_result((header, body))
        except (asyncio.IncompleteReadError, ValueError, ConnectionError):
            return
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ChildDied("the process ended before it answered"))


def encode(header: dict[str, Any], body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


class ParentPipe:
    """The child's side. Takes standard output for frames alone: whatever libraries print goes to standard error."""

    def __init__(self) -> None:
        die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
        self._source: BinaryIO = os.fdopen(os.dup(0), "rb")
        self._sink: BinaryIO = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)

    def receive(self) -> Frame | None:
        """The next frame, or None when the parent closed the pipe."""
        lengths = self._source.read(LENGTHS.size)
        if len(lengths) < LENGTHS.size:
            return None
        header_length, body_length = LENGTHS.unpack(lengths)
        header, body = self._source.read(header_length), self._source.read(body_length)
        return (json.loads(header), body) if len(body) == body_length else None

    def answer(self, header: dict[str, Any], body: bytes = b"") -> None:
        self._sink.write(encode(header, body))
        self._sink.flush()
