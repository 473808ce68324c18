"""What was said in the meeting as it was really heard: the mind's history, the transcript, the turn records."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from bot.conversation.base import Passage, Said
from bot.hearing.base import RATE_HZ, Utterance
from bot.meeting.bridge import Answer, Heard
from bot.meeting.record import Recorder
from bot.meeting.stay import Roster
from bot.meeting.turn_record import Turn, record_of

HISTORY = 40


class Minutes:
    """`known`: passages by id, to name them in turn records. `start_s`: when the meeting's timeline began,
    monotonic. `models`: who does the work, by role."""

    def __init__(
        self,
        recorder: Recorder,
        roster: Roster,
        known: Mapping[str, Passage],
        *,
        name: str,
        start_s: float,
        models: Mapping[str, str],
    ) -> None:
        self._recorder, self._roster, self._known = recorder, roster, known
        self._name, self._start_s, self._models = name, start_s, models
        self._history: deque[Said] = deque(maxlen=HISTORY)
        self._notice: asyncio.Future[Heard | None] | None = None

    def others_said(self, said: Utterance) -> None:
        if not said.text.strip():
            return
        name = self._roster.name_of(said.stream)
        self._history.append(Said(speaker=name, text=said.text, own=False))
        self._recorder.segment(
            speaker_id=said.stream,
            speaker_name=name,
            text=said.text,
            start_s=said.start_sample / RATE_HZ,
            end_s=said.end_sample / RATE_HZ,
            source="platform",
            confidence=said.confidence,
            own=False,
        )

    def before(self, question: str) -> tuple[Said, ...]:
        """The history without the question itself, which its speaker's last line is."""
        said = tuple(self._history)
        return said[:-1] if said and not said[-1].own and said[-1].text == question else said

    def we_said(self, turn: Turn, heard: Heard) -> None:
        """Synchronous: also a cancelled turn is kept."""
        if heard.text and heard.first_audible_s is not None and heard.last_heard_s is not None:
            self._history.append(Said(speaker=self._name, text=heard.text, own=True, cut=heard.cut))
            self._recorder.segment(
                speaker_id=self._roster.own or "self",
                speaker_name=self._name,
                text=heard.text,
                start_s=heard.first_audible_s - self._start_s,
                end_s=heard.last_heard_s - self._start_s,
                source="voice",
                confidence=1.0,
                own=True,
                cut=heard.cut,
            )
        if turn.kind == "notice":
            self._tell_of_notice(heard)

    def next_notice(self) -> asyncio.Future[Heard | None]:
        """Done when the notice that is said next is over: what was heard of it. One is waited for at a time."""
        self.no_notice()
        self._notice = asyncio.get_running_loop().create_future()
        return self._notice

    def no_notice(self) -> None:
        """None will be said."""
        self._tell_of_notice(None)

    def _tell_of_notice(self, heard: Heard | None) -> None:
        if self._notice is not None and not self._notice.done():
            self._notice.set_result(heard)

    def turn_over(self, turn: Turn, heard: Heard, answer: Answer) -> None:
        record = record_of(turn, heard, answer, start_s=self._start_s, known=self._known, models=self._models)
        self._recorder.turn(turn.epoch, record)
