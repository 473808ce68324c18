"""A scene of several people and the bot: who says what when, as data, and how it is played.

Knows voices and ears, no browser: a `Table` seats the people and keeps what one of them hears of the bot alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bot.clock import Clock
from bot.errors import BadInput
from bot.rehearsal.measure import Span, first_audible_s
from bot.rehearsal.recording import Recording
from bot.rehearsal.script import LOOK_S, MicrophoneSilent, Patience, hear_out
from bot.rehearsal.speech import VOICES

QUIET_S = 3.0  # after what asks for no answer: long enough for a slow bot to betray itself
ASIDE, ASK, JOIN, GOODBYE = "aside", "ask", "join", "goodbye"
BACKCHANNEL, INTERRUPTION = "backchannel", "interruption"
STEPS, OVERS = (ASIDE, ASK, JOIN, GOODBYE), (BACKCHANNEL, INTERRUPTION)


class BadScene(BadInput):
    """The scene's file cannot be used; the message says why."""

    code = "bad_scene"


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """Someone at the table; the first one of a scene is the one who hears. `late`: comes with a step of their own."""

    name: str
    voice: str
    late: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Over:
    """Something said over the bot's answer, `after_s` from when it began to be heard."""

    do: str
    who: str
    text: str
    after_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """`quiet_s`: how long nobody speaks afterwards. `passage`: what a right answer rests on."""

    do: str
    who: str
    text: str = ""
    quiet_s: float = QUIET_S
    passage: str | None = None
    over: tuple[Over, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    people: tuple[Role, ...]
    steps: tuple[Step, ...]

    def lines(self, who: str) -> list[str]:
        """All that this person will say."""
        own = [step.text for step in self.steps if step.who == who and step.text]
        return own + [one.text for step in self.steps for one in step.over if one.who == who]


@dataclass(frozen=True, kw_only=True, slots=True)
class OverActed:
    over: Over
    said: Span


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """A step as it was played: when it began, what was said, what the bot was heard to say to it, and when the next
    one could begin. `written`: what the bot wrote meanwhile."""

    step: Step
    began_s: float
    ended_s: float
    said: Span | None = None
    answered: Span | None = None
    over: tuple[OverActed, ...] = ()
    written: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """From `began_s` to `ended_s`; the bot's line about itself is `notice`."""

    began_s: float
    ended_s: float
    notice: Span | None
    acts: tuple[Act, ...] = field(default=())


class Table(Protocol):
    @property
    def ears(self) -> Recording:
        """What one of them hears of the bot."""
        ...

    async def say(self, who: str, text: str) -> Span | None:
        """Returns when it is out, with its first and last voiced sample."""
        ...

    async def admit(self, who: str) -> None:
        """Someone late comes in; returns when they are in the call."""
        ...

    async def written(self, who: str) -> int:
        """How many messages of the bot this person can read."""
        ...


Tell = Callable[[str], None]


def read_scene(path: Path) -> Scene:
    """Raises BadScene."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        people = tuple(Role(**role) for role in whole["people"])
        steps = tuple(_step(step) for step in whole["steps"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadScene(f"{path.name} is no scene: {error}") from error
    scene = Scene(people=people, steps=steps)
    wrong = _complaints(scene)
    if wrong:
        raise BadScene(f"{path.name}: {wrong[0]}")
    return scene


def _step(given: dict[str, Any]) -> Step:
    return Step(**{**given, "over": tuple(Over(**one) for one in given.get("over", ()))})


def _complaints(scene: Scene) -> list[str]:
    names = [role.name for role in scene.people]
    said: list[tuple[Step | Over, tuple[str, ...]]] = [(step, STEPS) for step in scene.steps]
    said += [(one, OVERS) for step in scene.steps for one in step.over]
    late = {role.name for role in scene.people if role.late}
    return [
        *(["nobody is there from the beginning"] if not names or names[0] in late else []),
        *(f"nobody can have the name {name!r}" for name in names if not (name.isascii() and name.isalnum())),
        *(f"there is no voice {role.voice!r}" for role in scene.people if role.voice not in VOICES),
        *(f"nothing is known of {one.do!r}" for one, known in said if one.do not in known),
        *(f"{one.who!r} is not at the table" for one, _ in said if one.who not in names),
        *(f"{step.who!r} is not late" for step in scene.steps if step.do == JOIN and step.who not in late),
    ]


async def play(
    scene: Scene, table: Table, *, clock: Clock, patience: Patience | None = None, tell: Tell = lambda line: None
) -> Played:
    """All of it, from a moment when the bot is in the call. Raises MicrophoneSilent."""
    patience = patience or Patience(settle_s=20.0, answer_s=10.0)
    player = _Player(table, clock, patience, tell, scene.people[0].name)
    began_s = clock.monotonic_s()
    notice = await player.hear(began_s, player.patience.notice_s)
    tell("the bot has introduced itself" if notice else "the bot has not said anything about itself")
    rest_s = began_s + player.patience.settle_s - clock.monotonic_s()
    await clock.sleep(max(player.patience.between_s, rest_s))
    acts = [await player.act(step) for step in scene.steps]
    return Played(began_s=began_s, ended_s=clock.monotonic_s(), notice=notice, acts=tuple(acts))


@dataclass(frozen=True, slots=True)
class _Player:
    table: Table
    clock: Clock
    patience: Patience
    tell: Tell
    first: str  # who was there before anyone late

    async def act(self, step: Step) -> Act:
        playing = {ASIDE: self._aside, ASK: self._ask, JOIN: self._join, GOODBYE: self._goodbye}
        return await playing[step.do](step, self.clock.monotonic_s())

    async def hear(self, after_s: float, begin_s: float) -> Span | None:
        return await hear_out(
            self.table.ears, after_s=after_s, begin_s=begin_s, clock=self.clock, patience=self.patience
        )

    async def _aside(self, step: Step, began_s: float) -> Act:
        said = await self._say(step.who, step.text, "says to the others")
        await self.clock.sleep(step.quiet_s)
        return self._done(step, began_s, said=said)

    async def _ask(self, step: Step, began_s: float) -> Act:
        said = await self._say(step.who, step.text, "asks")
        onset_s = await self._onset(said.end_s)
        over = [] if onset_s is None else [await self._over(one, onset_s) for one in step.over]
        answered = await self.hear(said.end_s, 0.0) if onset_s is not None else None
        self.tell(_outcome(said, answered))
        interrupted = any(one.over.do == INTERRUPTION for one in over)
        await self.clock.sleep(step.quiet_s if interrupted else self.patience.between_s)
        return self._done(step, began_s, said=said, answered=answered, over=tuple(over))

    async def _over(self, over: Over, onset_s: float) -> OverActed:
        await self.clock.sleep(max(0.0, onset_s + over.after_s - self.clock.monotonic_s()))
        return OverActed(over=over, said=await self._say(over.who, over.text, f"says over it ({over.do})"))

    async def _join(self, step: Step, began_s: float) -> Act:
        self.tell(f"{step.who} comes late")
        before = await self.table.written(self.first)
        await self.table.admit(step.who)
        heard = await self.hear(self.clock.monotonic_s(), self.patience.answer_s)
        written = await self.table.written(step.who) - before
        self.tell(f"the bot {'has' if heard else 'has not'} told {step.who} what it is, and wrote {written} messages")
        await self.clock.sleep(self.patience.between_s)
        return self._done(step, began_s, answered=heard, written=max(0, written))

    async def _goodbye(self, step: Step, began_s: float) -> Act:
        said = await self._say(step.who, step.text, "says")
        heard = await self.hear(said.end_s, self.patience.farewell_s)
        return self._done(step, began_s, said=said, answered=heard)

    async def _say(self, who: str, text: str, how: str) -> Span:
        self.tell(f"{who} {how}: {text}")
        said = await self.table.say(who, text)
        if said is None:
            raise MicrophoneSilent(f"{who} spoke, and their microphone carried no sound")
        return said

    async def _onset(self, after_s: float) -> float | None:
        """When the answer began to be heard."""
        while True:
            now_s = self.clock.monotonic_s()
            found = first_audible_s(self.table.ears.sound(after_s - 2.0, now_s), after_s=after_s - 1.0)
            if found is not None or now_s > after_s + self.patience.answer_s:
                return found
            await self.clock.sleep(LOOK_S)

    def _done(self, step: Step, began_s: float, **played: Any) -> Act:
        return Act(step=step, began_s=began_s, ended_s=self.clock.monotonic_s(), **played)


def _outcome(said: Span, answered: Span | None) -> str:
    if answered is None:
        return "no answer was heard"
    return f"answered after {answered.start_s - said.end_s:.2f} s, for {answered.seconds:.1f} s"
