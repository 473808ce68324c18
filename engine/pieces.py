"""Speech in pieces as long as a message takes, each with its own part of the timing. Pure: knows no message."""

from __future__ import annotations

from collections.abc import Iterator

from engine.api import Pcm, Phoneme, SpeechTiming


def pieces_of(pcm: Pcm, timing: SpeechTiming | None, *, most: int) -> Iterator[tuple[Pcm, SpeechTiming | None]]:
    """All of it, in order, at most so many samples at once: cut where a phoneme begins, if one lies across."""
    phonemes = timing.phonemes if timing is not None else ()
    start = 0
    while start < len(pcm):
        end = min(start + most, len(pcm))
        across = next((one.start for one in phonemes if start < one.start < end < one.end), None)
        end = end if across is None else across
        theirs = tuple(
            Phoneme(start=max(one.start, start) - start, end=min(one.end, end) - start, symbol=one.symbol)
            for one in phonemes
            if one.start < end and one.end > start
        )
        yield pcm[start:end], None if timing is None else SpeechTiming(phonemes=theirs)
        start = end
