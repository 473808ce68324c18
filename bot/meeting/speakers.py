"""Who says what in this meeting: speech in, a speaker for each stretch at once, and the transcript of the others.

With a stream for each participant that is the participant. In a mix the platform's signs and a diarizer's voices are
weighed (`bot/hearing/attribution.py`): whoever the signs name is the speaker at once, and once the signs have settled,
or the voices have been told, the transcript is confirmed or corrected by a later line. Knows no connector.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.hearing.attribution import UNKNOWN, Attribution, Part, Who
from bot.hearing.base import RATE_HZ, HearingError, Pcm, Utterance
from bot.hearing.diarization.base import DiarizationEvent, Diarizer, Frontier, SpeakerSpan, Withdrawn
from bot.log import get_log
from bot.meeting.record import Recorder, Written
from bot.meeting.stay import Roster

log = get_log(__name__)

CORRECTABLE = 64  # utterances whose speaker may still change
SIGNS_SETTLED_S = 0.8  # after the end of speech, without a diarizer
ONLY_ONE_CONFIDENCE = 0.5  # of "who else": one other participant is here


class Sign(Protocol):
    """The platform's sign that someone speaks; connectors tell it as `Speaking`."""

    @property
    def at_s(self) -> float: ...

    @property
    def participant(self) -> str: ...

    @property
    def active(self) -> bool: ...


@dataclass(slots=True)
class _Line:
    speaker_id: str
    text: str
    written: Written | None


@dataclass(slots=True)
class _Spoken:
    said: Utterance
    after: str  # who spoke before
    only: str | None  # the only other participant then
    lines: list[_Line]
    settled: bool = False


class Speakers:
    """`mixed`: the ears hear all others in one stream. `diarizer` is entered and left by `run`, beside the meeting."""

    def __init__(
        self, recorder: Recorder, roster: Roster, *, mixed: bool = False, diarizer: Diarizer | None = None
    ) -> None:
        self._recorder, self._roster, self._coming = recorder, roster, diarizer
        self._diarizer: Diarizer | None = None  # once it takes sound
        self.mixed = mixed
        self._attribution = Attribution()
        self._spoken: deque[_Spoken] = deque(maxlen=CORRECTABLE)
        self._last = ""

    async def run(self) -> None:
        """The diarizer's events until cancelled. One that does not start, or fails, is done without: who spoke is then
        told by the platform's signs alone, and nothing else depends on it."""
        if self._coming is None:
            return
        try:
            async with self._coming as diarizer:
                self._diarizer = diarizer
                async for event in diarizer.events():
                    for spoken in self._heard_voices(event):
                        self._correct(spoken)
                        await asyncio.sleep(0)  # a voice that turns out to be another's may change many lines
        except HearingError as error:
            log.error("voices of the mix are not told apart", code=error.code, reason=str(error))
        finally:
            self._diarizer = None

    def hear(self, start_sample: int, pcm: Pcm) -> str | None:
        """The next sound of the mix. Returns whom the platform shows as speaking."""
        if self._diarizer is not None:
            self._diarizer.feed(start_sample, pcm)
        return self._attribution.showing

    def shows(self, sign: Sign) -> None:
        if not self.mixed or sign.participant == self._roster.own:
            return
        at_sample = round(sign.at_s * RATE_HZ)
        self._attribution.shows(sign.participant, at_sample, active=sign.active)
        if self._diarizer is None:
            for spoken in self._unsettled(at_sample - round(SIGNS_SETTLED_S * RATE_HZ)):
                self._correct(spoken)

    def left(self, participant: str) -> None:
        """Whoever is gone speaks no more, though no sign has said so."""
        self._attribution.gone(participant)

    def said(self, utterance: Utterance) -> list[Utterance]:
        """The utterance as those of its speakers, whose ids are their streams; into the transcript. Called once."""
        if not self.mixed:
            who = Who(speaker_id=utterance.stream, name_source="platform", confidence=1.0)
            self._write(utterance, who, utterance.text)
            return [utterance]
        after, other = self._last, self._roster.only
        only = other.participant if other else None
        parts = self._parts(utterance, after, only)
        lines = [_Line(part.who.speaker_id, text, self._write(utterance, part.who, text, part)) for part, text in parts]
        if utterance.text.strip():
            self._spoken.append(_Spoken(utterance, after, only, lines))
            self._last = lines[-1].speaker_id
        return [_of(utterance, part, text, whole=len(parts) == 1) for part, text in parts]

    def _heard_voices(self, event: DiarizationEvent) -> list[_Spoken]:
        """What is to be confirmed or corrected after it."""
        told, corrected = self._attribution, self._attribution.corrected
        match event:
            case SpeakerSpan():
                told.heard_voice(
                    event.span,
                    event.speaker,
                    event.start_sample,
                    event.end_sample,
                    confidence=event.confidence,
                    instead=event.supersedes,
                )
            case Withdrawn():
                told.withdraw(event.spans)
            case Frontier():
                told.advance(event.sample)
        return self._unsettled(told.frontier, again=told.corrected != corrected)

    def _unsettled(self, until_sample: int, *, again: bool = False) -> list[_Spoken]:
        """What ended before; `again`: also what was settled already."""
        ended = [spoken for spoken in self._spoken if spoken.said.end_sample <= until_sample]
        return [spoken for spoken in ended if again or not spoken.settled]

    def _correct(self, spoken: _Spoken) -> None:
        spoken.settled = True
        parts = self._parts(spoken.said, spoken.after, spoken.only)
        if [(part.who.speaker_id, text) for part, text in parts] == [
            (one.speaker_id, one.text) for one in spoken.lines
        ]:
            return
        if all(part.who.speaker_id == UNKNOWN for part, _ in parts):
            return  # what was known once is not unlearnt because its evidence is gone
        before, lines = spoken.lines, []
        for index, (part, text) in enumerate(parts):
            old = before[min(index, len(before) - 1)]
            if index < len(before) and (part.who.speaker_id, text) == (old.speaker_id, old.text):
                lines.append(old)
                continue
            written = self._write(spoken.said, part.who, text, part, old.written)
            lines.append(_Line(part.who.speaker_id, text, written))
        for gone in before[len(parts) :]:
            self._write(spoken.said, Who(), "", parts[-1][0], gone.written, empty=True)
        spoken.lines = lines

    def _parts(self, said: Utterance, after: str, only: str | None) -> list[tuple[Part, str]]:
        parts = self._attribution.parts(said.start_sample, said.end_sample, said.words, after=after)
        if len(parts) == 1:
            return [(replace(parts[0], who=_or_the_only_one(parts[0].who, only)), said.text)]
        return [(part, " ".join(word.text for word in part.words)) for part in parts]

    def _write(
        self,
        said: Utterance,
        who: Who,
        text: str,
        part: Part | None = None,
        supersedes: Written | None = None,
        *,
        empty: bool = False,
    ) -> Written | None:
        if not text.strip() and not empty:
            return None
        start, end = (part.start_sample, part.end_sample) if part else (said.start_sample, said.end_sample)
        return self._recorder.segment(
            speaker_id=who.speaker_id,
            speaker_name=self._roster.name_of(who.speaker_id),
            text=text,
            start_s=start / RATE_HZ,
            end_s=end / RATE_HZ,
            source="platform" if who.name_source == "platform" else "acoustic",
            confidence=_confidence(said, part),
            speaker_confidence=who.confidence,
            supersedes=supersedes,
            own=False,
        )


def _or_the_only_one(who: Who, only: str | None) -> Who:
    if who.speaker_id != UNKNOWN or only is None:
        return who
    return Who(speaker_id=only, participant=only, name_source="platform", confidence=ONLY_ONE_CONFIDENCE)


def _confidence(said: Utterance, part: Part | None) -> float:
    words: Sequence[float] = [word.confidence for word in part.words] if part else ()
    return sum(words) / len(words) if words and part and len(part.words) < len(said.words) else said.confidence


def _of(said: Utterance, part: Part, text: str, *, whole: bool) -> Utterance:
    if whole:
        return replace(said, stream=part.who.speaker_id)
    return replace(
        said,
        stream=part.who.speaker_id,
        start_sample=part.start_sample,
        end_sample=part.end_sample,
        text=text,
        words=part.words,
        confidence=_confidence(said, part),
        alternatives=(),
    )
