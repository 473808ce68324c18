"""Who spoke, from evidence that may disagree. Pure: samples in, speakers out; knows no clock, no meeting, no names.

Evidence comes from a participant's own stream, from the platform's sign of who speaks (late, and held too long), and
from a diarizer that knows voices and calls them "A", "B". A voice is bound to a participant by the seconds in which
both were seen together; a binding changes only when another has clearly more. Evidence of the last three minutes is
kept, so an answer may change: who asked earlier asks again. Nothing is said of voices beyond the diarizer's frontier.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.hearing.base import RATE_HZ, HeardWord

WINDOW_S = 180.0
MOST_KEPT = 1024  # pieces of evidence of one source
MOST_VOICES = 64
UNKNOWN = "unknown"


class Source(StrEnum):
    PLATFORM_STREAM = "platform_stream"
    ACTIVE_SPEAKER = "active_speaker"
    DIARIZATION = "diarization"


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Someone spoke from `start_sample` to `end_sample`. `who` is a participant, of a diarizer a voice."""

    source: Source
    who: str
    start_sample: int
    end_sample: int
    confidence: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    shown_late_s: float = 0.5  # from the voice to the platform's sign of it: 0.2 to 1 s
    shown_after_s: float = 1.0  # from the end of the voice to the end of the sign
    shown_least_s: float = 0.3
    stream_weight: float = 3.0
    voice_weight: float = 2.0  # of a voice whose participant is known
    shown_weight: float = 1.0
    shown_confidence: float = 0.7
    stranger_weight: float = 0.5  # of a voice whose participant is not: half a sign is worth more
    floor_s: float = 0.2  # who spoke right before is ahead by so much
    bind_s: float = 1.0  # seconds together that bind a voice to a participant
    bind_lead: float = 1.5  # and how many times more than with any other
    run_s: float = 0.4  # a shorter run of words between others' is no turn
    shown_run_s: float = 1.5  # the same where only the platform's sign tells


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """`speaker_id` is the participant, else "speaker-A" for a voice without one, else "unknown". `name_source`:
    platform where the platform itself says so of this stretch, acoustic where the voice does, else unknown."""

    speaker_id: str = UNKNOWN
    participant: str | None = None
    voice: str | None = None
    name_source: str = UNKNOWN
    confidence: float = 0.0


NOBODY = Who()


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Words of one speaker in a row."""

    who: Who
    start_sample: int
    end_sample: int
    words: tuple[HeardWord, ...]


@dataclass(slots=True)
class _Support:
    platform: float = 0.0  # weighted seconds
    voice: float = 0.0
    longest_s: float = 0.0  # of one source, weighted by its confidence only


@dataclass(frozen=True, slots=True)
class _Near:
    """The evidence that touches a stretch: words in it are asked for one by one."""

    streams: list[Evidence]
    signs: list[Evidence]
    voices: list[Evidence]  # none beyond the frontier


class Attribution:
    """Told in any order; `who` and `parts` ask. `corrected` counts what may change earlier answers."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self._streams: list[Evidence] = []
        self._shown: list[Evidence] = []
        self._showing: dict[str, int] = {}  # participant: when the sign came
        self._voices: dict[int, Evidence] = {}
        self._bound: dict[str, tuple[str, float]] = {}  # voice: participant, share of its votes
        self._newest = 0
        self.frontier = 0
        self.corrected = 0

    def spoke(self, participant: str, start_sample: int, end_sample: int) -> None:
        """A participant's own stream had voice."""
        self._streams.append(
            Evidence(source=Source.PLATFORM_STREAM, who=participant, start_sample=start_sample, end_sample=end_sample)
        )
        self._forget(end_sample)

    def shows(self, participant: str, at_sample: int, *, active: bool) -> None:
        """The platform's sign of someone speaking came or went."""
        if active:
            self._showing.setdefault(participant, at_sample)
        elif (since := self._showing.pop(participant, None)) is not None:
            self._shown.append(self._sign(participant, since, at_sample - self._samples(self._rules.shown_after_s)))
        self._forget(at_sample)

    def gone(self, participant: str) -> None:
        """They left: their sign, if it is still up, holds until the newest sound."""
        if (since := self._showing.pop(participant, None)) is not None:
            self._shown.append(self._sign(participant, since, max(since, self._newest)))

    @property
    def showing(self) -> str | None:
        """Whose sign came last of those that are shown now."""
        return max(self._showing, key=lambda one: self._showing[one], default=None)

    def heard_voice(
        self,
        span: int,
        voice: str,
        start_sample: int,
        end_sample: int,
        *,
        confidence: float,
        instead: Sequence[int] = (),
    ) -> None:
        """A diarizer's span; those in `instead` no longer hold."""
        self.withdraw([one for one in instead if self._voices.get(one) is None or self._voices[one].who != voice])
        for one in instead:
            self._voices.pop(one, None)
        self.corrected += end_sample <= self.frontier
        self._voices[span] = Evidence(
            source=Source.DIARIZATION,
            who=voice,
            start_sample=start_sample,
            end_sample=end_sample,
            confidence=confidence,
        )
        self._forget(end_sample)

    def withdraw(self, spans: Sequence[int]) -> None:
        """These were nobody's voice."""
        for span in spans:
            self.corrected += self._voices.pop(span, None) is not None

    def advance(self, frontier: int) -> None:
        """All voices before `frontier` have been told: whose are they?"""
        self.frontier = max(self.frontier, frontier)
        self._forget(self.frontier)
        for voice, votes in self._votes().items():
            self._bind(voice, votes)

    @property
    def kept(self) -> int:
        """Pieces of evidence held."""
        return len(self._streams) + len(self._shown) + len(self._voices)

    def bound(self, voice: str) -> str | None:
        found = self._bound.get(voice)
        return found[0] if found else None

    def who(self, start_sample: int, end_sample: int, *, after: str = "") -> Who:
        """Who spoke most of it. `after`: the speaker before, who keeps the floor unless another is clearly ahead."""
        return self._who(self._near(start_sample, end_sample), start_sample, end_sample, after)

    def _who(self, near: _Near, start_sample: int, end_sample: int, after: str) -> Who:
        found = self._support(near, start_sample, end_sample)
        if not found:
            return NOBODY
        rules = self._rules

        def strength(key: tuple[str | None, str | None]) -> float:
            support = found[key]
            return support.platform + support.voice + rules.floor_s * (_speaker_id(*key) == after)

        best = max(found, key=strength)
        support, whole_s = found[best], max(end_sample - start_sample, 1) / RATE_HZ
        share = strength(best) / sum(strength(key) for key in found)
        named = best[0] is not None and support.platform >= 0.25 * rules.shown_confidence * whole_s
        return Who(
            speaker_id=_speaker_id(*best),
            participant=best[0],
            voice=_most(near.voices, start_sample, end_sample),
            name_source="platform" if named else ("acoustic" if support.voice else "platform"),
            confidence=round(share * min(1.0, support.longest_s / whole_s), 3),
        )

    def parts(self, start_sample: int, end_sample: int, words: Sequence[HeardWord], *, after: str = "") -> list[Part]:
        """A stretch of the mix, cut at word boundaries where the speaker changes."""
        near = self._near(start_sample, end_sample)
        runs = self._runs(near, words, after)
        shortest = self._samples(self._rules.run_s if near.voices else self._rules.shown_run_s)
        runs = _without_short(runs, shortest)
        if len(runs) < 2:
            who = self._who(near, start_sample, end_sample, after)
            return [Part(who=who, start_sample=start_sample, end_sample=end_sample, words=tuple(words))]
        edges = [start_sample, *(run[0].start_sample for _, run in runs[1:]), end_sample]
        made = []
        for (speaker, run), begin, end in zip(runs, edges, edges[1:], strict=False):
            who = self._who(near, run[0].start_sample, run[-1].end_sample, speaker)
            made.append(Part(who=who, start_sample=begin, end_sample=end, words=tuple(run)))
        return made

    # Evidence

    def _sign(self, participant: str, since: int, until: int) -> Evidence:
        start = since - self._samples(self._rules.shown_late_s)
        return Evidence(
            source=Source.ACTIVE_SPEAKER,
            who=participant,
            start_sample=start,
            end_sample=max(until, start + self._samples(self._rules.shown_least_s)),
            confidence=self._rules.shown_confidence,
        )

    def _signs(self, until: int) -> Iterator[Evidence]:
        yield from self._shown
        for participant, since in self._showing.items():
            yield self._sign(participant, since, max(until, since))

    def _near(self, start: int, end: int) -> _Near:
        voices = self._voices.values() if end <= self.frontier else ()
        near = (
            [one for one in kept if _overlap(one, start, end)] for kept in (self._streams, self._signs(end), voices)
        )
        return _Near(*near)

    def _support(self, near: _Near, start: int, end: int) -> dict[tuple[str | None, str | None], _Support]:
        """By (participant, voice of nobody known)."""
        found: dict[tuple[str | None, str | None], _Support] = {}
        weights = ((near.streams, self._rules.stream_weight), (near.signs, self._rules.shown_weight))
        for sources, weight in weights:
            for participant, seconds in _seconds(sources, start, end).items():
                support = found.setdefault((participant, None), _Support())
                support.platform += seconds * weight
                support.longest_s = max(support.longest_s, seconds)
        for voice, seconds in _seconds(near.voices, start, end).items():
            bound = self._bound.get(voice)
            share = bound[1] if bound else 1.0
            support = found.setdefault((bound[0], None) if bound else (None, voice), _Support())
            weight = self._rules.voice_weight * share if bound else self._rules.stranger_weight
            support.voice += seconds * weight
            support.longest_s = max(support.longest_s, seconds * share)
        return found

    def _runs(self, near: _Near, words: Sequence[HeardWord], after: str) -> list[tuple[str, list[HeardWord]]]:
        """Words in a row by one speaker; a word nobody is known for goes with the one before."""
        runs: list[tuple[str, list[HeardWord]]] = []
        for word in words:
            before = runs[-1][0] if runs else after
            speaker = self._who(near, word.start_sample, word.end_sample, before).speaker_id
            if runs and speaker in (runs[-1][0], UNKNOWN):
                runs[-1][1].append(word)
            elif runs and runs[-1][0] == UNKNOWN:
                runs[-1] = (speaker, [*runs[-1][1], word])
            else:
                runs.append((speaker, [word]))
        return runs

    def _forget(self, newest: int) -> None:
        self._newest = max(self._newest, newest)
        oldest = self._newest - self._samples(WINDOW_S)
        for kept in (self._streams, self._shown):
            if kept and (kept[0].end_sample < oldest or len(kept) > MOST_KEPT):
                kept[:] = [one for one in kept if one.end_sample >= oldest][-MOST_KEPT:]
        first = next(iter(self._voices), None)
        if first is not None and (self._voices[first].end_sample < oldest or len(self._voices) > MOST_KEPT):
            held = [(span, one) for span, one in self._voices.items() if one.end_sample >= oldest]
            self._voices = dict(held[-MOST_KEPT:])

    # Voices and participants

    def _votes(self) -> dict[str, dict[str, float]]:
        """Voice: participant: seconds together, where it is clear which voice and which participant."""
        votes: dict[str, dict[str, float]] = {}
        spans = sorted(self._voices.values(), key=_start)
        signs = sorted((*self._streams, *self._signs(self.frontier)), key=_start)
        of_spans, of_signs = _Sorted(spans), _Sorted(signs)
        for span in spans:
            if span.end_sample > self.frontier:
                continue
            begin, end = span.start_sample, span.end_sample
            mingled = sum(_overlap(one, begin, end) for one in of_spans.touching(begin, end) if one.who != span.who)
            together = _seconds(of_signs.touching(begin, end), begin, end)
            clear = max(0.0, 1 - mingled / max(end - begin, 1)) * span.confidence / (sum(together.values()) or 1.0)
            voice = votes.setdefault(span.who, {}) if together else {}
            for participant, seconds in together.items():
                voice[participant] = voice.get(participant, 0.0) + seconds * seconds * clear
        return votes

    def _bind(self, voice: str, votes: dict[str, float]) -> None:
        rules = self._rules
        ranked = sorted(votes, key=lambda one: votes[one], reverse=True)
        now = self.bound(voice)
        best, rival = ranked[0], now if now is not None else (ranked[1] if len(ranked) > 1 else None)
        chosen = now
        if best != now and votes[best] >= max(rules.bind_s, rules.bind_lead * votes.get(rival or "", 0.0)):
            chosen = best
        if chosen is None:
            return
        self.corrected += chosen != now
        share = votes.get(chosen, 0.0) / sum(votes.values()) if sum(votes.values()) else 0.0
        self._bound.pop(voice, None)
        self._bound[voice] = (chosen, max(share, 0.5) if chosen == now else share)
        if len(self._bound) > MOST_VOICES:
            del self._bound[next(iter(self._bound))]

    @staticmethod
    def _samples(seconds: float) -> int:
        return round(seconds * RATE_HZ)


class _Sorted:
    """Evidence by its start, to find what touches a stretch without looking at all of it."""

    def __init__(self, evidence: list[Evidence]) -> None:
        self._evidence = evidence
        self._starts = [one.start_sample for one in evidence]
        self._longest = max((one.end_sample - one.start_sample for one in evidence), default=0)

    def touching(self, start: int, end: int) -> list[Evidence]:
        first = bisect_left(self._starts, start - self._longest)
        return self._evidence[first : bisect_left(self._starts, end)]


def _start(one: Evidence) -> int:
    return one.start_sample


def _speaker_id(participant: str | None, voice: str | None) -> str:
    return participant or (f"speaker-{voice}" if voice else UNKNOWN)


def _overlap(one: Evidence, start: int, end: int) -> int:
    return max(0, min(one.end_sample, end) - max(one.start_sample, start))


def _seconds(evidence: Iterable[Evidence], start: int, end: int) -> dict[str, float]:
    """By whom: seconds in the stretch, weighted by confidence."""
    found: dict[str, float] = {}
    for one in evidence:
        samples = _overlap(one, start, end)
        if samples:
            found[one.who] = found.get(one.who, 0.0) + samples / RATE_HZ * one.confidence
    return found


def _most(evidence: Iterable[Evidence], start: int, end: int) -> str | None:
    seconds = _seconds(evidence, start, end)
    return max(seconds, key=lambda one: seconds[one], default=None)


def _without_short(runs: list[tuple[str, list[HeardWord]]], shortest: int) -> list[tuple[str, list[HeardWord]]]:
    """A run that is too short for a turn goes with the words before it, the first one with those after it."""
    kept: list[tuple[str, list[HeardWord]]] = []
    for speaker, words in runs:
        short = words[-1].end_sample - words[0].start_sample < shortest
        if kept and (short or kept[-1][0] == speaker):
            kept[-1][1].extend(words)
        elif kept and len(kept) == 1 and kept[0][1][-1].end_sample - kept[0][1][0].start_sample < shortest:
            kept[0] = (speaker, [*kept[0][1], *words])
        else:
            kept.append((speaker, list(words)))
    return kept
