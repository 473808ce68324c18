"""An engine behind a socket: sessions for clients elsewhere. Knows the contract, no model and no meeting.

    GET /v1/session   a WebSocket, one session; `messages` says what is said
    GET /live         200 while the process runs
    GET /ready        200 when a session would be taken: warm, room left, not draining
    GET /metrics      Prometheus text

Every queue is bounded: a block is made when the client asks for it, at most two may be asked for, sound is refused
beyond a minute. A client that takes nothing has nothing made for it, and one that reads too slowly loses its own
session, nobody else's. All but /live wants the token.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self

from aiohttp import WSMsgType, web

from engine import messages
from engine.api import (
    SPEECH_RATE_HZ,
    AvBlock,
    BadFormat,
    CharacterAssets,
    EngineDied,
    EngineError,
    Likeness,
    Session,
    VideoFormat,
)
from engine.messages import MOST_SOUND_S, MOST_TAKES, BadMessage

log = logging.getLogger(__name__)

HELLO_TIMEOUT_S = 10.0
WRITE_TIMEOUT_S = 10.0  # a client that has read nothing for so long has lost its session
ALIVE_S = 5.0
RESTART_S = 1.0
LONGEST_RESTART_S = 30.0
CLOSE_S = 1.0
TOO_BUSY = 503
TOLD = (EngineError, ConnectionError, TimeoutError)  # ends of a session that are nobody's fault here


class ServedEngine(Protocol):
    """What a server needs of an engine beyond the contract: when it is warm, and when it is no more."""

    name: str
    capacity: int  # sessions at full speed; known once it is warm

    async def open(self, character: CharacterAssets, video: VideoFormat) -> Session: ...

    async def warm_up(self) -> None:
        """Returns when a session would be served at full speed. Raises EngineError."""
        ...

    async def until_down(self) -> None:
        """Returns when what `warm_up` made ready is gone."""
        ...

    def figures(self) -> dict[str, float]:
        """Times and counts for /metrics."""
        ...

    async def aclose(self) -> None: ...


class EngineServer:
    """Listens from `async with` on; the engine is kept warm, and warmed again when it dies."""

    def __init__(
        self, engine: ServedEngine, *, token: str, host: str = "127.0.0.1", port: int = 0, most_sessions: int | None = 4
    ) -> None:
        self._engine, self._token, self._host, self._port = engine, token, host, port
        self._most_sessions = most_sessions
        self.warm = asyncio.Event()
        self.draining = False
        self.failure: EngineError | None = None  # why it cannot become ready, where it never will
        self._served: set[_Served] = set()
        self._opening = 0
        self._counts = {"sessions_opened": 0, "sessions_refused": 0, "engine_deaths": 0}
        self._runner: web.AppRunner | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._failed = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def url(self) -> str:
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def most_sessions(self) -> int:
        """What was set, or what the engine found that it can serve."""
        return self._engine.capacity if self._most_sessions is None else self._most_sessions

    @property
    def ready(self) -> bool:
        return self.warm.is_set() and not self.draining and len(self._served) + self._opening < self.most_sessions

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get(messages.PATH, self._session),
                web.get("/live", self._live),
                web.get(messages.READY_PATH, self._ready),
                web.get("/metrics", self._metrics),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except BaseException:
            await self._runner.cleanup()
            raise
        self._keeper = asyncio.create_task(self._keep_warm(), name="keep engine warm")
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.draining = True
        for served in list(self._served):
            served.end("drained", "the engine server stops")
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        await self._engine.aclose()

    async def until_warm(self) -> None:
        """Raises what keeps the engine from ever starting."""
        while not self.warm.is_set():
            changed = [asyncio.create_task(event.wait()) for event in (self.warm, self._failed)]
            await asyncio.wait(changed, return_when=asyncio.FIRST_COMPLETED)
            for task in changed:
                task.cancel()
            if self.failure is not None:
                raise self.failure

    async def drain(self, within_s: float) -> None:
        """Take nobody any more; return when the last session has ended, or the time is up."""
        self.draining = True
        for served in list(self._served):
            served.tell(messages.Draining(within_s=within_s))
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._empty.wait()

    async def _keep_warm(self) -> None:
        wait_s = RESTART_S
        while True:
            try:
                await self._engine.warm_up()
            except EngineError as error:
                log.error("the engine did not start: %s (%s)", error, error.code)
                if not error.retryable:
                    self.failure = error
                    self._failed.set()
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_RESTART_S)
                continue
            wait_s, self.failure = RESTART_S, None
            self._failed.clear()
            self.warm.set()
            log.info("the engine is ready")
            await self._engine.until_down()
            self.warm.clear()
            self._counts["engine_deaths"] += 1
            log.error("the engine is gone")
            await asyncio.sleep(0)

    # --- requests ----------------------------------------------------------------------------------------------------

    def _may(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode())

    async def _live(self, request: web.Request) -> web.Response:
        return web.json_response({"engine": self._engine.name})

    async def _ready(self, request: web.Request) -> web.Response:
        if not self._may(request):
            return _refused(401, "unauthorized", "a token is needed: Authorization: Bearer ...")
        told = {
            "ready": self.ready,
            "warm": self.warm.is_set(),
            "draining": self.draining,
            "sessions": len(self._served),
            "most_sessions": self.most_sessions,
        }
        return web.json_response(told, status=200 if self.ready else TOO_BUSY)

    async def _metrics(self, request: web.Request) -> web.Response:
        if not self._may(request):
            return _refused(401, "unauthorized", "a token is needed: Authorization: Bearer ...")
        told = {**self._counts, "sessions": len(self._served), "ready": int(self.ready), **self._engine.figures()}
        lines = [f"understudy_engine_{name} {value:g}" for name, value in told.items()]
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")

    async def _session(self, request: web.Request) -> web.StreamResponse:
        if not self._may(request):
            return _refused(401, "unauthorized", "a token is needed: Authorization: Bearer ...")
        if not self.ready:
            self._counts["sessions_refused"] += 1
            return _refused(TOO_BUSY, "engine_busy", "not ready, draining, or no room for another session")
        socket = web.WebSocketResponse(max_msg_size=messages.MAX_MESSAGE_BYTES, heartbeat=ALIVE_S)
        self._opening += 1
        try:
            await socket.prepare(request)
            async with _opened(self._engine, socket) as served:
                if served is None:
                    return socket
                self._opening -= 1
                self._served.add(served)
                self._empty.clear()
                self._counts["sessions_opened"] += 1
                try:
                    await served.run()
                finally:
                    self._served.discard(served)
                    self._opening += 1
        finally:
            self._opening -= 1
            if not self._served:
                self._empty.set()
        return socket


def _refused(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)


@asynccontextmanager
async def _opened(engine: ServedEngine, socket: web.WebSocketResponse) -> AsyncIterator[_Served | None]:
    """A session for the hello that comes; None where there is none and the client was told why."""
    with tempfile.TemporaryDirectory(prefix="engine-character-") as folder:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                received = await socket.receive()
            if received.type is not WSMsgType.BINARY:
                raise BadMessage("the first message is no hello")
            hello = messages.unpack(received.data)
            if not isinstance(hello, messages.Hello):
                raise BadMessage("the first message is no hello")
            character, video = await asyncio.to_thread(_asked_for, hello, Path(folder))
            session = await engine.open(character, video)
        except TimeoutError:
            await socket.close()
            yield None
            return
        except EngineError as error:
            await _tell_failure(socket, error)
            yield None
            return
        async with session:
            served = _Served(session, socket, hello.encoding)
            own = session.video
            welcome = messages.Welcome(version=messages.VERSION, width=own.width, height=own.height, fps=own.fps)
            served.tell(welcome)
            yield served


def _asked_for(hello: messages.Hello, folder: Path) -> tuple[CharacterAssets, VideoFormat]:
    """Raises BadMessage, BadFormat."""
    if hello.version != messages.VERSION:
        raise BadMessage(f"this server speaks version {messages.VERSION}, the client {hello.version}")
    if hello.encoding not in list(messages.Encoding):
        raise BadFormat(f"frames are sent as {', '.join(messages.Encoding)}, not as {hello.encoding!r}")
    image = folder / "character"
    image.write_bytes(hello.tail)
    try:
        likeness = Likeness(hello.likeness) if hello.likeness else None
        expires = datetime.fromisoformat(hello.consent_expires_at) if hello.consent_expires_at else None
    except ValueError as error:
        raise BadMessage("likeness or the consent's end cannot be read") from error
    if expires is not None and expires.tzinfo is None:
        raise BadMessage("the consent's end has no zone")
    character = CharacterAssets(
        character_id=hello.character_id,
        image=image,
        likeness=likeness,
        consent_proof=hello.consent_proof,
        consent_expires_at=expires,
        seed=hello.seed,
    )
    return character, VideoFormat(width=hello.width, height=hello.height, fps=hello.fps)


async def _tell_failure(socket: web.WebSocketResponse, error: EngineError) -> None:
    failed = messages.Failed(code=error.code, message=str(error), retryable=error.retryable)
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await socket.send_bytes(messages.pack(failed))
            await socket.close()


class _Served:
    """One client's session. It reads, makes and writes side by side, and ends as soon as one of them does."""

    def __init__(self, session: Session, socket: web.WebSocketResponse, encoding: str) -> None:
        self._session, self._socket, self._encoding = session, socket, encoding
        self._takes: asyncio.Queue[None] = asyncio.Queue(MOST_TAKES)
        self._notes: asyncio.Queue[messages.Message] = asyncio.Queue(8)
        self._ended: asyncio.Future[EngineError | None] = asyncio.get_running_loop().create_future()
        self._epoch = self._queued = 0

    def tell(self, message: messages.Message) -> None:
        with suppress(asyncio.QueueFull):
            self._notes.put_nowait(message)

    def end(self, code: str, message: str) -> None:
        error = EngineDied(message)
        error.code = code
        if not self._ended.done():
            self._ended.set_result(error)

    async def run(self) -> None:
        """Until the client leaves, or the session cannot go on; then the client is told."""
        tasks = [asyncio.create_task(work()) for work in (self._read, self._make, self._tell)]
        try:
            waited: list[asyncio.Future[Any]] = [*tasks, self._ended]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        errors = [result for result in results if isinstance(result, EngineError)]
        if self._ended.done() and (why := self._ended.result()) is not None:
            errors.insert(0, why)
        if errors:
            await _tell_failure(self._socket, errors[0])
        else:
            await self._socket.close()
        for result in results:
            broken = isinstance(result, Exception) and not isinstance(
                result, (EngineError, ConnectionError, TimeoutError)
            )
            if broken:
                log.error("an engine session broke: %r", result)

    async def _read(self) -> None:
        """Returns when the client has left. Raises EngineError."""
        async for received in self._socket:
            if received.type is not WSMsgType.BINARY:
                raise BadMessage("only binary messages are understood")
            await self._obey(messages.unpack(received.data))

    async def _obey(self, message: messages.Message) -> None:
        match message:
            case messages.Take():
                try:
                    self._takes.put_nowait(None)
                except asyncio.QueueFull:
                    raise BadMessage(f"more than {MOST_TAKES} blocks were asked for at once") from None
            case messages.Speak():
                await self._speak(message)
            case messages.Interrupt():
                self._newer(message.epoch)
                self._session.interrupt(message.epoch)
            case messages.Listen():
                gaze = message.gaze_xy
                if gaze is not None and (len(gaze) != 2 or not all(isinstance(at, (int, float)) for at in gaze)):
                    raise BadMessage("a gaze is two numbers")
                looked = (float(gaze[0]), float(gaze[1])) if gaze else None
                pcm = messages.sound_of(message.tail)
                self._session.listen(pcm, speaker_id=message.speaker_id, gaze_xy=looked)
            case _:
                raise BadMessage("that is for servers to say")

    async def _speak(self, message: messages.Speak) -> None:
        pcm = messages.sound_of(message.tail)
        self._newer(message.epoch)
        if message.epoch < self._epoch:
            return
        if self._queued >= MOST_SOUND_S * SPEECH_RATE_HZ:
            raise BadMessage(f"more than {MOST_SOUND_S} s of speech are queued")
        self._queued += len(pcm)
        await self._session.speak(pcm, timing=messages.timing_of(message.phonemes), epoch=message.epoch)

    def _newer(self, epoch: int) -> None:
        if epoch > self._epoch:
            self._epoch, self._queued = epoch, 0

    async def _make(self) -> None:
        blocks = self._session.blocks()
        while True:
            await self._takes.get()
            block = await anext(blocks)
            if block.epoch == self._epoch:
                self._queued -= block.spoken_to - block.spoken_from
            await self._write(await asyncio.to_thread(_packed, block, self._encoding))

    async def _tell(self) -> None:
        while True:
            await self._write(messages.pack(await self._notes.get()))

    async def _write(self, body: bytes) -> None:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await self._socket.send_bytes(body)


def _packed(block: AvBlock, encoding: str) -> bytes:
    frames = messages.frame_tails(block.frames, encoding)
    return messages.pack(
        messages.Block(
            epoch=block.epoch,
            index=block.index,
            spoken_from=block.spoken_from,
            spoken_to=block.spoken_to,
            encoding=encoding,
            frame_bytes=[len(frame) for frame in frames],
            tail=b"".join((messages.sound_bytes(block.sound), *frames)),
        )
    )
