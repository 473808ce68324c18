"""The only translator between a connector's media, the ears, the voice and an engine.

In: the meeting's sound goes to the ears and, as the listening face needs it, to the engine. Out: the engine's blocks
go to the device thread with the AI badge on every frame, speech goes to the engine clause by clause. What was really
heard of an answer is what the device played, never what was generated.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bot.hearing.base import Ears, EchoRemoval
from bot.log import get_log
from bot.meeting.badge import Badge
from bot.meeting.devices import Begun, Devices
from bot.meeting.gaze import Gaze, Spot
from bot.meeting.own_voice import OwnVoice
from bot.meeting.speakers import Speakers
from bot.voice.base import Mark, SpokenClause
from connectors.base import HEARING_RATE_HZ, Connector, DeviceFailed
from engine.api import AvBlock, Phoneme, Session, SpeechTiming, VideoFormat, Word
from engine.output import Output, PublishedBlock
from engine.sync import FrameSync

log = get_log(__name__)

MIX = "mix"
# How much longer sound takes than picture from the device to the meeting: the picture waits until the camera is looked
# at, every 33 ms (`connectors/kit/camera/file.py`), and is coded. Without it sound was received about 50 ms early,
# which people notice sooner than sound that is late (ITU-R BT.1359).
DEVICE_OFFSET_S = -0.04
KEPT_ANSWERS = 8  # epochs whose words may still be asked for
_TICK_S = 0.02
_SPEECH_SLACK_S = 5.0  # beyond its own length, after which speech that is not heard has failed


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A clause without its sound: what is needed to tell what of it was heard."""

    text: str
    length: int  # samples at 24 kHz
    words: tuple[Mark, ...] | None


@dataclass(slots=True)
class Answer:
    """One epoch's speech: what was handed to the engine and what of it was heard."""

    epoch: int
    clauses: list[tuple[int, Said]] = field(default_factory=list)  # (first spoken sample, clause)
    samples: int = 0  # 24 kHz, in all
    voice_first_s: float | None = None
    block_asked_s: float | None = None  # the engine was asked for the block in which the speech begins
    engine_first_s: float | None = None  # that block was there
    block_put_s: float | None = None  # it was handed to the devices
    interrupted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What people heard of an answer. Times are `time.monotonic()` seconds; `offset_ms` + = sound early."""

    text: str
    cut: bool
    first_audible_s: float | None
    last_heard_s: float | None
    offset_ms: float | None
    begun: Begun = field(default_factory=Begun)


def heard_text(answer: Answer, heard_to: int) -> str:
    """The words whose sound was heard to at least half; whole clauses where a voice gives no word times."""
    words: list[str] = []
    for start, clause in answer.clauses:
        if heard_to >= start + clause.length:
            words.append(clause.text)
            continue
        if clause.words is not None:
            words += [mark.text for mark in clause.words if start + (mark.start + mark.end) // 2 <= heard_to]
        break
    return " ".join(words)


def timing_of(clause: SpokenClause) -> SpeechTiming | None:
    if clause.phonemes is None:
        return None
    return SpeechTiming(
        phonemes=tuple(Phoneme(start=m.start, end=m.end, symbol=m.text) for m in clause.phonemes),
        words=tuple(Word(start=m.start, end=m.end, text=m.text) for m in clause.words or ()),
    )


class Bridge:
    """Entered when connector, engine session and ears are open; the face is live from then on, also in a lobby."""

    def __init__(
        self,
        connector: Connector,
        session: Session,
        ears: Ears,
        *,
        echo: EchoRemoval | None = None,
        kill_fd: int = -1,
        speakers: Speakers | None = None,
    ) -> None:
        self._connector, self._session, self._ears, self._speakers = connector, session, ears, speakers
        camera = connector.camera
        self._badge = Badge(width=camera.width, height=camera.height)
        self._output = Output(session.video, VideoFormat(width=camera.width, height=camera.height, fps=camera.fps))
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._sync = FrameSync(fps=camera.fps, device_offset_s=DEVICE_OFFSET_S)
        self._devices = Devices(connector.microphone, camera, self._sync, on_room=self._signal_room, kill_fd=kill_fd)
        self._own_voice: OwnVoice | None = None
        if echo is not None:
            take = self._devices.take_sounded
            self._own_voice = OwnVoice(echo, take, started_s=lambda: connector.timeline_start_s)
        self._answers: dict[int, Answer] = {}
        self._epoch = 0
        self.only_stream: str | None = None
        self.gaze = Gaze()
        self._looks_at: Spot | None = None  # as the engine was told last

    @property
    def killed(self) -> bool:
        return self._devices.killed.is_set()

    @property
    def shown(self) -> NDArray[np.uint8] | None:
        """What the meeting sees of the bot now; not to be written to."""
        return self._devices.shown

    @property
    def filled_ms(self) -> float:
        return self._devices.filled_ms

    @property
    def frames(self) -> dict[str, int]:
        """How the engine's frames fared; those of what was interrupted are neither."""
        return {"shown": self._sync.tally.shown, "dropped": self._sync.tally.dropped}

    @property
    def dropped_s(self) -> float:
        return self._ears.dropped_s

    def start(self) -> None:
        self._devices.start()

    def close(self) -> None:
        self._devices.close()

    def _signal_room(self) -> None:
        # Called from the device thread, also while the loop is being closed.
        try:
            self._loop.call_soon_threadsafe(self._room.set)
        except RuntimeError:
            return

    async def pump(self) -> None:
        """Engine to devices until the session ends. Raises EngineDied, DeviceFailed; returns when killed."""
        blocks = self._session.blocks()
        while not self.killed:
            if self._devices.failure is not None:
                raise self._devices.failure
            if not self._devices.running and not self.killed:
                raise DeviceFailed("the device thread ended")
            if not self._devices.has_room():
                self._room.clear()
                if not self._devices.has_room():
                    await self._room.wait()
                continue
            asked_s = self._loop.time()
            block = await anext(blocks, None)
            if block is None:
                return
            there_s = self._loop.time()
            self._devices.put(self._publish(block))
            self._note_first_block(block, asked_s, there_s)

    def _note_first_block(self, block: AvBlock, asked_s: float, there_s: float) -> None:
        answer = self._answers.get(block.epoch)
        if block.voiced and answer is not None and answer.engine_first_s is None:
            answer.block_asked_s, answer.engine_first_s = asked_s, there_s
            answer.block_put_s = self._loop.time()

    def _publish(self, block: AvBlock) -> PublishedBlock:
        published = self._output.convert(block)
        frames = published.frames.copy()  # the block's own arrays are read-only and soon used again
        for frame in frames:
            self._badge.on(frame)
        return replace(published, frames=frames)

    async def hear(self) -> None:
        """Meeting to ears and to the listening face until the connector's sound ends. Per-participant streams are
        used where the platform has them, the mix where it has not or where `speakers` wants it; our own voice is taken
        out of either. The face is told where to look with all it hears, and when nothing is to be heard, by the mix's
        chunks, which never cease."""
        speakers = self._speakers
        mixed = speakers.mixed if speakers else not self._connector.capabilities.participant_audio
        async for chunk in self._connector.audio():
            at_s = (chunk.start_sample + len(chunk.pcm)) / HEARING_RATE_HZ
            if (chunk.participant is None) != mixed:
                if chunk.participant is None and self.gaze.at(at_s, own_voice=self._speaks) != self._looks_at:
                    self._listen(chunk.pcm[:0], None, at_s)
                continue
            stream, pcm = chunk.participant or MIX, chunk.pcm
            if self._own_voice is not None:
                pcm = self._own_voice.clean(stream, chunk.start_sample, pcm)
            self._ears.feed(stream, chunk.start_sample, pcm, arrived_s=chunk.arrived_s)
            shown = speakers.hear(chunk.start_sample, pcm) if mixed and speakers else None
            if mixed:
                self.gaze.shows(shown, at_s)
            self._listen(pcm, chunk.participant or shown, at_s)

    def _listen(self, pcm: NDArray[np.int16], speaker: str | None, at_s: float) -> None:
        self._looks_at = self.gaze.at(at_s, own_voice=self._speaks)
        self._session.listen(pcm, speaker_id=speaker, gaze_xy=self._looks_at)

    @property
    def _speaks(self) -> bool:
        """Is something of ours still to be heard?"""
        answer = self._answers.get(self._epoch)
        return answer is not None and not answer.interrupted and self._devices.spoken(self._epoch)[0] < answer.samples

    def neutral_picture(self, frame: NDArray[np.uint8]) -> None:
        """Set the picture shown after a kill: this frame, with the badge."""
        still = frame.copy()
        self._badge.on(still)
        self._connector.camera.set_neutral(still)

    def answer(self, epoch: int) -> Answer:
        """The answer being given under `epoch`; earlier epochs fall silent."""
        if epoch > self._epoch:
            self._epoch = epoch
        for old in [one for one in self._answers if one < self._epoch - KEPT_ANSWERS]:
            del self._answers[old]
        return self._answers.setdefault(epoch, Answer(epoch=epoch))

    async def say(self, epoch: int, clauses: AsyncIterator[SpokenClause]) -> None:
        """Hand speech to the engine as it comes. Stops early when the epoch is over."""
        answer = self.answer(epoch)
        async for clause in clauses:
            if answer.interrupted:
                return
            if answer.voice_first_s is None:
                answer.voice_first_s = self._loop.time()
            answer.clauses.append((answer.samples, Said(text=clause.text, length=len(clause.pcm), words=clause.words)))
            answer.samples += len(clause.pcm)
            await self._session.speak(clause.pcm, timing=timing_of(clause), epoch=epoch)

    async def until_heard(self, epoch: int) -> Heard:
        """Wait until everything said under `epoch` has left the device, or the epoch was interrupted."""
        answer = self.answer(epoch)
        progressed_s, last = self._loop.time(), -1
        while not answer.interrupted and not self.killed:
            heard_to, *_ = self._devices.spoken(epoch)
            if heard_to >= answer.samples:
                break
            if heard_to != last:
                progressed_s, last = self._loop.time(), heard_to
            if self._loop.time() - progressed_s > _SPEECH_SLACK_S:
                log.warning("speech did not reach the device", heard_samples=heard_to, said_samples=answer.samples)
                break
            await asyncio.sleep(_TICK_S)
        return self.heard(epoch)

    def heard(self, epoch: int) -> Heard:
        answer = self.answer(epoch)
        heard_to, first_s, last_s, offset_ms = self._devices.spoken(epoch)
        return Heard(
            text=heard_text(answer, heard_to),
            cut=heard_to < answer.samples,
            first_audible_s=first_s,
            last_heard_s=last_s,
            offset_ms=offset_ms,
            begun=self._devices.begun(epoch),
        )

    def heard_to(self, epoch: int) -> int:
        """Samples of this epoch's speech that were heard (24 kHz)."""
        return self._devices.spoken(epoch)[0]

    def silent_s(self, epoch: int) -> float | None:
        """When a cut epoch fell silent at the device (monotonic); None while it has not."""
        return self._devices.silent_s(epoch)

    def duck(self, epoch: int, *, softer: bool) -> None:
        self._devices.duck(epoch, softer=softer)

    def interrupt(self, epoch: int) -> None:
        """Everything older than `epoch` is silenced at the device first, then forgotten upstream."""
        self._devices.interrupt(epoch)
        self._session.interrupt(epoch)
        self._epoch = max(self._epoch, epoch)
        for old, answer in self._answers.items():
            if old < epoch:
                answer.interrupted = True
