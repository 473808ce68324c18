"""Sessions of an engine that runs elsewhere, behind a socket. Knows the messages, no engine and no meeting.

One block is always asked for ahead, as the contract allows, so that the way there and back costs nothing. What was
made before an interruption and arrives after it is not shown: the last frame is held in its place, in silence.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import aiohttp
import numpy as np

from engine import messages
from engine.api import (
    FRAMES_PER_BLOCK,
    SPEECH_RATE_HZ,
    AvBlock,
    BadCharacter,
    BadFormat,
    CharacterAssets,
    ConsentMissing,
    EngineDied,
    EngineError,
    Frames,
    Pcm,
    SessionClosed,
    SpeechTiming,
    VideoFormat,
    require_consent,
)
from engine.blocks import Blocks
from engine.messages import MOST_SOUND_S, BadMessage
from engine.pieces import pieces_of

BLOCK_TIMEOUT_S = 10.0
OPEN_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 2.0
MAX_UNSENT_BYTES = 256 * 1024  # of listening; beyond it the way is too slow and the sound is dropped
ALIVE_S = 5.0
MOST_SAMPLES = MOST_SOUND_S * SPEECH_RATE_HZ


class EngineBusy(EngineError):
    """The engine server has no room for another session, or takes none at the moment."""

    code = "engine_busy"
    retryable = True


class EngineUnreachable(EngineError):
    """No engine server answers there, or it does not let us in."""

    code = "engine_unreachable"
    retryable = True


_REFUSALS: dict[str, type[EngineError]] = {
    kind.code: kind for kind in (BadCharacter, BadFormat, ConsentMissing, EngineBusy, BadMessage)
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where an engine server is: http://host:port, and what opens it."""

    url: str
    token: str


class RemoteEngine:
    """Sessions of the first server of several that has room."""

    name = "remote"

    def __init__(
        self,
        servers: tuple[Server, ...],
        *,
        encoding: str = messages.Encoding.I420,
        block_timeout_s: float = BLOCK_TIMEOUT_S,
        open_timeout_s: float = OPEN_TIMEOUT_S,
    ) -> None:
        self._servers, self._encoding = servers, encoding
        self._block_timeout_s, self._open_timeout_s = block_timeout_s, open_timeout_s

    async def open(self, character: CharacterAssets, video: VideoFormat) -> RemoteSession:
        """Raises EngineBusy or EngineUnreachable when no server takes it, and what every engine raises."""
        require_consent(character)
        refusal: EngineError = EngineUnreachable("no engine server is set")
        hello = await asyncio.to_thread(_hello, character, video, self._encoding)
        for server in self._servers:
            try:
                return await self._open(server, hello)
            except (EngineBusy, EngineUnreachable, EngineDied) as error:
                refusal = error
        raise refusal

    async def _open(self, server: Server, hello: messages.Hello) -> RemoteSession:
        http = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(self._open_timeout_s):
                socket = await http.ws_connect(
                    server.url.rstrip("/") + messages.PATH,
                    headers={"Authorization": f"Bearer {server.token}"},
                    max_msg_size=0,  # a block of a large picture; the server is ours
                    heartbeat=ALIVE_S,
                )
                await socket.send_bytes(messages.pack(hello))
                welcome = await _receive(socket)
        except aiohttp.WSServerHandshakeError as error:
            await http.close()
            if error.status == 503:
                raise EngineBusy("the engine server has no room, or is not ready") from error
            raise EngineUnreachable(f"the engine server answers {error.status}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            await http.close()
            raise EngineUnreachable(f"no engine server answers at {server.url}") from error
        except BaseException:
            await http.close()
            raise
        if not isinstance(welcome, messages.Welcome):
            await http.close()
            raise BadMessage("the engine server did not answer with a welcome")
        own = VideoFormat(width=welcome.width, height=welcome.height, fps=welcome.fps)
        return RemoteSession(http, socket, own, block_timeout_s=self._block_timeout_s)


def _hello(character: CharacterAssets, video: VideoFormat, encoding: str) -> messages.Hello:
    try:
        picture = character.image.read_bytes()
    except OSError as error:
        raise BadCharacter(f"the character's image {character.image.name} is missing or cannot be read") from error
    if len(picture) > messages.MAX_PICTURE_BYTES:
        raise BadCharacter(f"the character's image is over {messages.MAX_PICTURE_BYTES >> 20} MiB")
    expires = character.consent_expires_at
    return messages.Hello(
        version=messages.VERSION,
        character_id=character.character_id,
        likeness=character.likeness,
        consent_proof=character.consent_proof,
        consent_expires_at=expires.isoformat() if expires else None,
        seed=character.seed,
        width=video.width,
        height=video.height,
        fps=video.fps,
        encoding=encoding,
        tail=picture,
    )


async def _receive(socket: aiohttp.ClientWebSocketResponse) -> messages.Message:
    """The next message. Raises what the server says, EngineDied when it says nothing more, BadMessage."""
    received = await socket.receive()
    if received.type is not aiohttp.WSMsgType.BINARY:
        raise EngineDied("the engine server ended the session")
    message = messages.unpack(received.data)
    if isinstance(message, messages.Failed):
        raise _REFUSALS.get(message.code, EngineDied)(message.message)
    return message


class RemoteSession:
    """See `engine.api.Session`. Made by `RemoteEngine.open`."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse,
        video: VideoFormat,
        *,
        block_timeout_s: float,
    ) -> None:
        self._http, self._socket, self._video = http, socket, video
        self._block_timeout_s = block_timeout_s
        self._arrived: asyncio.Queue[AvBlock | EngineError] = asyncio.Queue(messages.MOST_TAKES + 1)
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue()  # bounded by what is queued, see `speak` and `listen`
        self._unsent_bytes = 0
        self._asked = 0  # blocks asked for and not arrived
        self._epoch = self._queued = 0
        self._waiting: deque[tuple[Pcm, SpeechTiming | None]] = deque()  # speech a server would not take yet
        self._sent = 0  # samples the server has been given and has not voiced
        self._last: Frames | None = None
        self._dead: EngineError | None = None
        self._closed = False
        self._room = asyncio.Event()
        self._taking = asyncio.Lock()
        self._tasks = (asyncio.create_task(self._read(), name="engine read"), asyncio.create_task(self._write()))

    @property
    def video(self) -> VideoFormat:
        return self._video

    @property
    def dead(self) -> EngineError | None:
        """Why the session ended by itself, if it did."""
        return self._dead

    async def speak(self, pcm: Pcm, *, timing: SpeechTiming | None, epoch: int) -> None:
        self._check_open()
        if epoch < self._epoch:
            return
        self.interrupt(epoch)
        while not (self._closed or self._dead or self._takes_more(epoch)):
            self._room.clear()
            await self._room.wait()
        self._check_open()
        if epoch < self._epoch or not len(pcm):
            return
        self._queued += len(pcm)
        self._waiting.extend(pieces_of(pcm, timing, most=MOST_SAMPLES))
        self._give()

    def _takes_more(self, epoch: int) -> bool:
        return self._queued < MOST_SAMPLES or epoch < self._epoch

    def _give(self) -> None:
        """As much of what waits as a server takes: it ends a session that gives it more."""
        while self._waiting and self._sent < MOST_SAMPLES:
            pcm, timing = self._waiting.popleft()
            self._sent += len(pcm)
            phonemes = messages.phonemes_of(timing)
            self._send(messages.Speak(epoch=self._epoch, phonemes=phonemes, tail=messages.sound_bytes(pcm)))

    def listen(self, pcm: Pcm, *, speaker_id: str | None = None, gaze_xy: tuple[float, float] | None = None) -> None:
        if self._closed or self._dead or self._unsent_bytes > MAX_UNSENT_BYTES:
            return
        gaze = list(gaze_xy) if gaze_xy else None
        self._send(messages.Listen(speaker_id=speaker_id, gaze_xy=gaze, tail=messages.sound_bytes(pcm)))

    def interrupt(self, epoch: int) -> None:
        if self._closed or epoch <= self._epoch:
            return
        self._epoch, self._queued, self._sent = epoch, 0, 0
        self._waiting.clear()
        self._room.set()
        self._send(messages.Interrupt(epoch=epoch))

    def blocks(self) -> AsyncIterator[AvBlock]:
        return Blocks(self.next_block)

    async def next_block(self) -> AvBlock:
        """One block; a call that was cancelled loses none. Raises EngineDied, StopAsyncIteration."""
        async with self._taking:
            self._ask(1)
            if self._closed:
                raise StopAsyncIteration
            if self._dead is not None and self._arrived.empty():
                raise self._dead
            try:
                async with asyncio.timeout(self._block_timeout_s):
                    arrived = await self._arrived.get()
            except TimeoutError as error:
                self._end(EngineDied(f"the engine server gave no block in {self._block_timeout_s:g} s"))
                raise self._dead or EngineDied() from error
            if self._closed:
                raise StopAsyncIteration
            if isinstance(arrived, EngineError):
                raise arrived
            self._ask(1)
            return self._shown(arrived)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._room.set()
        with suppress(asyncio.QueueFull):
            self._arrived.put_nowait(SessionClosed(SessionClosed.__doc__))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close()
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # --- the connection ----------------------------------------------------------------------------------------------

    def _ask(self, wanted: int) -> None:
        while self._asked + self._arrived.qsize() < wanted and not (self._closed or self._dead):
            self._asked += 1
            self._send(messages.Take())

    def _shown(self, block: AvBlock) -> AvBlock:
        if block.epoch == self._epoch:
            self._queued -= block.spoken_to - block.spoken_from
            self._sent -= block.spoken_to - block.spoken_from
            self._give()
        self._room.set()
        if block.epoch < self._epoch and self._last is not None:
            silence, held = np.zeros_like(block.sound), np.repeat(self._last[-1:], FRAMES_PER_BLOCK, axis=0)
            silence.flags.writeable = held.flags.writeable = False
            return AvBlock(epoch=self._epoch, index=block.index, frames=held, sound=silence, spoken_from=0, spoken_to=0)
        self._last = block.frames
        return block

    async def _read(self) -> None:
        try:
            while True:
                message = await _receive(self._socket)
                if isinstance(message, messages.Block):
                    self._asked -= 1
                    self._arrived.put_nowait(self._block_of(message))
        except EngineError as error:
            self._end(error)
        except asyncio.QueueFull:
            self._end(BadMessage("the engine server sent more blocks than were asked for"))

    def _block_of(self, message: messages.Block) -> AvBlock:
        sound, frames = messages.frames_of(message, self._video)
        return AvBlock(
            epoch=message.epoch,
            index=message.index,
            frames=frames,
            sound=sound,
            spoken_from=message.spoken_from,
            spoken_to=message.spoken_to,
        )

    async def _write(self) -> None:
        try:
            while True:
                body = await self._unsent.get()
                self._unsent_bytes -= len(body)
                await self._socket.send_bytes(body)
        except (aiohttp.ClientError, ConnectionError) as error:
            self._end(EngineDied(f"the engine server is gone: {error}"))

    def _send(self, message: messages.Message) -> None:
        if self._dead is None:
            body = messages.pack(message)
            self._unsent_bytes += len(body)
            self._unsent.put_nowait(body)

    def _end(self, error: EngineError) -> None:
        if self._dead is None:
            self._dead = error if isinstance(error, EngineDied) else EngineDied(f"{error} ({error.code})")
            self._room.set()
            with suppress(asyncio.QueueFull):
                self._arrived.put_nowait(self._dead)

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosed(SessionClosed.__doc__)
        if self._dead is not None:
            raise self._dead
