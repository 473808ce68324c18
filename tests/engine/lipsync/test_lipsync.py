"""Mouths from phoneme times and from sound: closures are reached, nothing jumps, cutting changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from engine.api import SPEECH_RATE_HZ, Phoneme, SpeechTiming
from engine.lipsync.mouth import Mouth
from engine.lipsync.track import CLOSING_PER_FRAME, OPENING_PER_FRAME, MouthTrack
from engine.lipsync.visemes import TARGETS, visemes_of

PER_FRAME = SPEECH_RATE_HZ // 24
PER_BLOCK = 4 * PER_FRAME


def voiced(samples: int, level: int = 6000) -> np.ndarray:
    """An "a": harmonics as strong as its formants make them."""
    at = np.arange(samples) / SPEECH_RATE_HZ
    hertz = 130.0 * np.arange(1, 32)
    strength = sum(
        share / (1 + ((hertz - formant) / 90) ** 2) for formant, share in ((750, 1), (1250, 0.6), (2600, 0.3))
    )
    wave = (strength[:, None] * np.sin(2 * np.pi * hertz[:, None] * at)).sum(0)
    return (level * wave / np.abs(wave).max() * 1.4).astype(np.int16)


def timing(symbols: str, each_s: float) -> SpeechTiming:
    length = int(each_s * SPEECH_RATE_HZ)
    return SpeechTiming(
        phonemes=tuple(Phoneme(start=n * length, end=(n + 1) * length, symbol=s) for n, s in enumerate(symbols.split()))
    )


def mouths_of(pcm: np.ndarray, known: SpeechTiming | None) -> list[Mouth]:
    track = MouthTrack()
    track.learn(known, 0, len(pcm))
    mouths = []
    for start in range(0, len(pcm), PER_BLOCK):
        sound = np.zeros(PER_BLOCK, np.int16)
        part = pcm[start : start + PER_BLOCK]
        sound[: len(part)] = part
        mouths += track.frames(sound, start, start + len(part))
    return mouths


@pytest.mark.parametrize(
    ("symbol", "visemes"),
    [("p", ["closed"]), ("ˈɑː", ["open"]), ("tʃ", ["hush"]), ("oʊ", ["round", "tight"]), ("v", ["lip_teeth"]),
     ("ɡ", ["back"]), ("", ["silence"]), ("ꜰ", ["neutral"])],
)  # fmt: skip
def test_ipa_symbols_have_their_visemes(symbol: str, visemes: list[str]) -> None:
    found = visemes_of(symbol)
    assert [name for name, _ in found] == visemes
    assert sum(share for _, share in found) == pytest.approx(1.0)
    assert all(name in TARGETS for name, _ in found)


@pytest.mark.parametrize("sound", ["p", "b", "m"])
@pytest.mark.parametrize("each_s", [0.06, 0.075, 0.1])
def test_lips_close_for_every_closure_between_open_vowels(sound: str, each_s: float) -> None:
    symbols = f"ɑ {sound} " * 8
    pcm = voiced(int(16 * each_s * SPEECH_RATE_HZ))
    mouths = mouths_of(pcm, timing(symbols, each_s))
    for number in range(8):
        middle = (2 * number + 1.5) * each_s * 24
        near = mouths[max(0, int(middle) - 1) : int(middle) + 2]
        assert min(m.open for m in near) < 0.02, f"closure {number}"


def test_vowels_between_closures_do_open() -> None:
    mouths = mouths_of(voiced(48_000), timing("m ɑ m ɑ m ɑ m ɑ", 0.2))
    assert max(m.open for m in mouths) > 0.25


@pytest.mark.parametrize("known", [None, timing("h ə l oʊ w ɝ l d " * 3, 0.08)])
def test_no_mouth_moves_farther_in_a_frame_than_a_mouth_can(known: SpeechTiming | None) -> None:
    bursts = voiced(48_000) * (np.arange(48_000) // 3000 % 2)
    opens = np.array([m.open for m in mouths_of(bursts.astype(np.int16), known)])
    assert np.diff(opens).max() <= OPENING_PER_FRAME + 1e-9
    assert -np.diff(opens).min() <= 2.5 * CLOSING_PER_FRAME + 1e-9
    assert opens.min() >= 0


@pytest.mark.parametrize("pause_s", [0.2, 0.3, 2.0])
def test_in_a_pause_the_lips_neither_keep_the_last_sound_nor_wait_in_the_next(pause_s: float) -> None:
    """As between sentences; a voice says nothing of pauses, it only leaves them."""
    sound, pause = (round(seconds * SPEECH_RATE_HZ) for seconds in (0.25, pause_s))
    known = SpeechTiming(
        phonemes=(
            Phoneme(start=0, end=sound, symbol="uː"),
            Phoneme(start=sound + pause, end=2 * sound + pause, symbol="iː"),
        )
    )
    pcm = np.concatenate([voiced(sound), np.zeros(pause, np.int16), voiced(sound), np.zeros(pause, np.int16)])
    mouths = mouths_of(pcm, known)
    for begin_s in (0.25, 0.5 + pause_s):
        middle = mouths[int((begin_s + 0.55 * pause_s) * 24)]
        assert middle.open < 0.02 and middle.pucker < 0.15 and abs(middle.wide) < 0.06
    assert max(mouth.pucker for mouth in mouths[:7]) > 0.7 and max(mouth.wide for mouth in mouths) > 0.15


def test_sound_alone_opens_with_loudness_and_shuts_in_silence() -> None:
    loudness = np.repeat([0.0, 1.0, 0.15, 1.0, 0.0], 12_000)
    pcm = (voiced(60_000) * loudness).astype(np.int16)
    opens = np.array([m.open for m in mouths_of(pcm, None)])
    assert opens[:10].max() == 0 and opens[-8:].max() < 0.01
    assert opens[14:22].min() > 2 * opens[28:34].max() > 0


def test_hissing_is_narrower_than_a_vowel_of_the_same_level() -> None:
    noise = np.diff(np.random.default_rng(1).normal(0, 2600, 24_001)).astype(np.int16)
    assert max(m.open for m in mouths_of(noise, None)) < max(m.open for m in mouths_of(voiced(24_000), None))


def test_the_mouth_shuts_within_six_frames_after_the_speech() -> None:
    pcm = voiced(12_000)
    mouths = mouths_of(np.concatenate([pcm, np.zeros(12_000, np.int16)]), None)
    assert max(m.open for m in mouths[18:]) < 0.01


def test_phonemes_given_late_but_before_their_block_make_no_difference() -> None:
    pcm, known = voiced(24_000), timing("h ə l oʊ", 0.25)
    whole = mouths_of(pcm, known)
    track, pieces = MouthTrack(), []
    for at in range(2):
        half = tuple(
            Phoneme(start=p.start - at * 12_000, end=p.end - at * 12_000, symbol=p.symbol)
            for p in known.phonemes[2 * at : 2 * at + 2]
        )
        track.learn(SpeechTiming(phonemes=half), at * 12_000, (at + 1) * 12_000)
    for start in range(0, 24_000, PER_BLOCK):
        pieces += track.frames(pcm[start : start + PER_BLOCK], start, start + PER_BLOCK)
    np.testing.assert_allclose(pieces, whole)
