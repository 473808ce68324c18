"""A meeting process on a virtual clock, without threads or a loop: the real turn machine, device step, playback,
microphone and frame clock; a model of what makes speech and of the sound server. Random histories go through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np

from bot.conversation.turn_events import (
    ChatWritten,
    Duck,
    Effect,
    Event,
    Heard,
    Ignore,
    Interrupt,
    Leave,
    PeopleChanged,
    PlaybackBegan,
    PlaybackEnded,
    Resume,
    SayAsked,
    SayGoodbye,
    Speak,
    SpeechBegan,
    SpeechGoesOn,
    SpeechStopped,
    Stop,
    Think,
    Tick,
    Unduck,
)
from bot.conversation.turn_state import Phase, State
from bot.conversation.turns import step
from bot.meeting.devices import Devices
from connectors.kit.microphone import RAMP, VirtualMicrophone
from engine.output import PublishedBlock
from engine.sync import FrameSync

RATE_HZ = 48_000
FRAME = 2000
BLOCK = 4 * FRAME
HELD_S = 0.04
FULL = (1200, 5200, 24_000)  # of epochs one after the other; softened they stay apart: 300, 1300, 6000
NAMES = ("ann", "ben", "cem")
TEXTS = (
    "",
    "",
    "mhm",
    "yeah okay",
    "stop",
    "Iris, what is mulch",
    "what is mulch",
    "Iris stop",
    "tom did it",
    "goodbye Iris",
)


class Sound:
    """The sound server: holds 40 ms, keeps all it was given. Writing is what moves the time."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.slices: list[np.ndarray] = []
        self.written = 0

    def write(self, pcm: np.ndarray) -> None:
        self.slices.append(pcm)
        self.written += len(pcm)
        self._chain.now_s += len(pcm) / RATE_HZ

    def delay_s(self) -> float:
        return min(HELD_S, self.written / RATE_HZ)

    def close(self) -> None: ...


class Pictures:
    width, height, fps = 2, 2, 24

    def __init__(self) -> None:
        self.shown: list[int] = []
        self.floor = 0

    def show(self, frame: np.ndarray, *, epoch: int) -> None:
        assert epoch >= self.floor, "a frame of an older epoch after a cut"
        self.shown.append(epoch)

    def flush(self, epoch: int) -> None:
        self.floor = max(self.floor, epoch)

    def set_neutral(self, frame: np.ndarray) -> None: ...

    def neutral(self) -> None: ...


@dataclass
class Answer:
    """Clauses of one epoch by their length in spoken samples (24 kHz), and what of them was made and heard."""

    epoch: int
    clauses: list[int]
    begun: bool = False
    over: bool = False
    heard_to: int = 0

    @property
    def samples(self) -> int:
        return sum(self.clauses)

    def left(self, heard_to: int) -> list[int]:
        ends = np.cumsum(self.clauses)
        return [length for length, end in zip(self.clauses, ends, strict=True) if end > heard_to]


@dataclass
class Chain:
    random: Random
    now_s: float = 0.0
    effects: list[Effect] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)  # (device sample written by then, the epoch from there)

    def __post_init__(self) -> None:
        self.state = State(names=("Iris",), others=self.random.randrange(4), other_names=("Tom", "Ann"))
        self.sound, self.pictures = Sound(self), Pictures()
        microphone = VirtualMicrophone(self.sound, monotonic_s=self._time)
        clock = FrameSync(fps=24)
        self.devices = Devices(
            microphone, self.pictures, clock, on_room=lambda: None, kill_fd=-1, monotonic_s=self._time
        )
        self.answers: dict[int, Answer] = {}
        self._index = self._spoken = 0
        self._epoch = 0

    def _time(self) -> float:
        return self.now_s

    def tell(self, event: Event) -> None:
        before = self.state.epoch
        self.state, effects = step(self.state, event)
        assert self.state.epoch >= before
        self.effects += effects
        for effect in effects:
            self._obey(effect)

    def _obey(self, effect: Effect) -> None:
        match effect:
            case Think() | Speak() | SayGoodbye():
                lengths = [self.random.randrange(600, 6000) for _ in range(self.random.randrange(4))]
                self._begin(Answer(epoch=effect.epoch, clauses=lengths))
            case Resume():
                cut = self.answers[effect.resumes]
                self._begin(Answer(epoch=effect.epoch, clauses=cut.left(cut.heard_to)))
            case Interrupt():
                self._silence(effect.epoch)
            case Duck() | Unduck():
                self.devices.duck(effect.epoch, softer=isinstance(effect, Duck))
            case Ignore() | Leave():
                pass

    def _begin(self, answer: Answer) -> None:
        if any(not one.over for one in self.answers.values()):
            self._silence(answer.epoch)
        self.answers[answer.epoch] = answer
        self._epoch, self._spoken = answer.epoch, 0
        self.marks.append((self.sound.written, answer.epoch))

    def _silence(self, epoch: int) -> None:
        self.devices.interrupt(epoch)
        self.marks.append((self.sound.written, epoch))
        for one in self.answers.values():
            if one.epoch < epoch and not one.over:
                one.over, one.heard_to = True, self.devices.spoken(one.epoch)[0]
        self.devices.put(self._block(epoch - 1, BLOCK // 2))  # one that was on its way

    def run(self, seconds: float) -> None:
        """Let the time pass. Nobody speaks and nothing is to be said: it passes at once."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            if not self.state.busy and self.state.phase is not Phase.LEAVING:
                self.now_s = until_s
                return
            self._put_blocks()
            self.devices.step()
            self._report()

    def _put_blocks(self) -> None:
        answer = self.answers.get(self._epoch)
        while self.devices.has_room():
            left = answer.samples - self._spoken if answer and not answer.over else 0
            said = min(left, BLOCK // 2)
            self.devices.put(self._block(self._epoch, said))
            self._spoken += said

    def _block(self, epoch: int, said: int) -> PublishedBlock:
        sound = np.zeros(BLOCK, np.int16)
        sound[: 2 * said] = FULL[epoch % 3]
        self._index += 1
        return PublishedBlock(
            epoch=epoch,
            index=self._index,
            first_frame=4 * self._index,
            frames=np.zeros((4, 3, 2), np.uint8),
            sound=sound,
            spoken_from=self._spoken,
            spoken_to=self._spoken + said,
        )

    def _report(self) -> None:
        answer = self.answers.get(self.state.epoch)
        if answer is None or answer.over:
            return
        heard_to, first_s, _, _ = self.devices.spoken(answer.epoch)
        if first_s is not None and not answer.begun:
            answer.begun = True
            self.tell(PlaybackBegan(at_s=self.now_s, epoch=answer.epoch))
        if heard_to >= answer.samples and not answer.over:
            answer.over, answer.heard_to = True, heard_to
            self.tell(PlaybackEnded(at_s=self.now_s, epoch=answer.epoch))

    def drain(self) -> None:
        """Everybody falls silent; whatever is to be said is said."""
        for name in NAMES:
            self.tell(SpeechStopped(at_s=self.now_s, speaker=name))
            self.tell(Heard(at_s=self.now_s, speaker=name, text=""))
        for _ in range(40):
            self.run(1.0)
            self.tell(Tick(at_s=self.now_s))
            if not self.state.busy and self.state.phase is not Phase.LEAVING:
                break
        for _ in range(round(HELD_S / 0.01) + 3):  # what the sound server holds leaves
            self.devices.step()


def random_event(random: Random, at_s: float, epoch: int) -> Event:
    """Of the devices only late reports: of epochs older than `epoch`."""
    name, text = random.choice(NAMES), random.choice(TEXTS)
    silent_s = random.choice((0.0, 0.0, random.uniform(0.0, 0.6)))
    kinds: tuple[tuple[int, Callable[[], Event]], ...] = (
        (5, lambda: SpeechBegan(at_s=at_s, speaker=name)),
        (
            9,
            lambda: SpeechGoesOn(
                at_s=at_s, speaker=name, voiced_s=random.uniform(0.0, 0.9), silent_s=silent_s, text=text
            ),
        ),
        (5, lambda: SpeechStopped(at_s=at_s, speaker=name)),
        (6, lambda: Heard(at_s=at_s, speaker=name, text=text)),
        (3, lambda: ChatWritten(at_s=at_s, speaker=name, text=text)),
        (1, lambda: PeopleChanged(at_s=at_s, others=random.randrange(4), other_names=("Tom", "Ann"))),
        (2, lambda: SayAsked(at_s=at_s, text="I am an AI.", notice=random.random() < 0.6)),
        (1, lambda: PlaybackBegan(at_s=at_s, epoch=random.randrange(-1, epoch))),
        (1, lambda: PlaybackEnded(at_s=at_s, epoch=random.randrange(-1, epoch))),
        (6, lambda: Tick(at_s=at_s)),
    )
    if random.random() < 0.01:
        return Stop(at_s=at_s)
    return random.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]()


def stretch(random: Random, chain: Chain) -> None:
    """One whole stretch of someone's speech, as ears tell it."""
    name, text, voiced_s = random.choice(NAMES), random.choice(TEXTS), random.uniform(0.1, 0.9)
    told = text if random.random() < 0.3 else ""
    chain.tell(SpeechBegan(at_s=chain.now_s, speaker=name))
    for silent_s in (0.0, random.choice((0.0, 0.25))):
        chain.run(random.choice((0.01, 0.05)))
        goes_on = SpeechGoesOn(at_s=chain.now_s, speaker=name, voiced_s=voiced_s, silent_s=silent_s, text=told)
        chain.tell(goes_on)
    chain.tell(SpeechStopped(at_s=chain.now_s, speaker=name))
    chain.run(random.choice((0.0, 0.02)))
    chain.tell(Heard(at_s=chain.now_s, speaker=name, text=text))


def play(seed: int) -> Chain:
    """One random history, to its end."""
    random = Random(seed)
    chain = Chain(random)
    for _ in range(random.randrange(4, 18)):
        if random.random() < 0.15:
            stretch(random, chain)
        else:
            chain.tell(random_event(random, chain.now_s, chain.state.epoch))
        chain.run(random.choice((0.0, 0.01, 0.03, 0.08, 0.2)))
    chain.drain()
    return chain


def check(chain: Chain) -> None:
    """What holds for every history."""
    assert not chain.state.busy, "a busy phase never ended"
    assert chain.pictures.shown == sorted(chain.pictures.shown), "a frame of an older epoch"
    _check_effects(chain.effects)
    _check_sound(chain)
    _check_heard(chain)


def _check_effects(effects: list[Effect]) -> None:
    epochs = [effect.epoch for effect in effects if not isinstance(effect, Ignore | Leave)]
    assert epochs == sorted(epochs), "an epoch decreased"
    said = [effect.epoch for effect in effects if isinstance(effect, Think | Speak | SayGoodbye | Resume)]
    assert len(said) == len(set(said)), "two things under one epoch"
    stopped = next((n for n, effect in enumerate(effects) if isinstance(effect, Leave)), len(effects))
    assert not any(isinstance(effect, Think | Speak | SayGoodbye | Resume) for effect in effects[stopped:])


def _check_sound(chain: Chain) -> None:
    """From each mark on, and its fade, only sound of its epoch, each in its range of loudness; and what counts as heard
    is what left."""
    sound = np.concatenate([*chain.sound.slices, np.zeros(0, np.int16)])
    ends = [at for at, _ in chain.marks[1:]] + [len(sound)]
    for (at, epoch), end in zip(chain.marks, ends, strict=False):
        if end == at:
            continue
        loud = sound[at + RAMP : end]
        loud = loud[loud != 0]
        answer = chain.answers.get(epoch)
        full = FULL[epoch % 3] if answer else 0
        assert loud.size == 0 or (loud.max() <= full and loud.min() >= full // 4), "sound of an older epoch"
        if answer:
            left = np.count_nonzero(sound[at:end]) // 2
            assert abs(left - chain.devices.spoken(epoch)[0]) <= RAMP // 2 + 1, "what left is not what counts as heard"


def _check_heard(chain: Chain) -> None:
    for answer in chain.answers.values():
        heard_to = chain.devices.spoken(answer.epoch)[0]
        assert answer.over, "an answer that never ended"
        assert answer.heard_to <= heard_to <= answer.samples
        assert heard_to - answer.heard_to <= (HELD_S + 0.02) * RATE_HZ / 2, "more was heard than history says"
