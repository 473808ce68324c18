"""Known answers in, the same answers out."""

from __future__ import annotations

import numpy as np
import pytest

from bot.rehearsal.measure import (
    Series,
    Sound,
    dark_area,
    first_audible_s,
    frames_per_second,
    last_voiced_s,
    match,
    middle,
    motion,
    new_pictures,
    offset_by_reference,
    offset_by_speech,
    spans,
    speech_match,
)
from tests.bot.rehearsal.synthetic import RATE_HZ, faces, opening, sound, speech


def test_speech_begins_and_ends_at_its_samples() -> None:
    pcm = np.zeros(RATE_HZ * 3, np.int16)
    pcm[RATE_HZ + 7 : 2 * RATE_HZ + 11] = 4000
    found = spans(sound(pcm, start_s=100.0))
    assert len(found) == 1
    assert found[0].start_s == pytest.approx(101.0 + 7 / RATE_HZ, abs=1.5 / RATE_HZ)
    assert found[0].end_s == pytest.approx(102.0 + 11 / RATE_HZ, abs=1.5 / RATE_HZ)


def test_a_pause_does_not_end_speech_and_a_long_silence_does() -> None:
    part = np.full(RATE_HZ // 2, 5000, np.int16)
    pause, silence = np.zeros(RATE_HZ // 5, np.int16), np.zeros(RATE_HZ, np.int16)
    found = spans(sound(np.concatenate([part, pause, part, silence, part])))
    assert [round(span.seconds, 2) for span in found] == [1.2, 0.5]


def test_a_click_and_codec_noise_are_not_speech() -> None:
    pcm = np.random.default_rng(0).integers(-30, 31, RATE_HZ * 2).astype(np.int16)
    pcm[RATE_HZ : RATE_HZ + 120] = 12000
    assert spans(sound(pcm)) == ()
    assert last_voiced_s(sound(pcm)) is None


def test_the_answer_is_the_first_sound_that_begins_after_the_question() -> None:
    part, silence = np.full(RATE_HZ // 2, 5000, np.int16), np.zeros(RATE_HZ, np.int16)
    heard = sound(np.concatenate([part, silence, part]))
    assert first_audible_s(heard, after_s=0.2) == pytest.approx(1.5, abs=0.001)
    assert first_audible_s(heard, after_s=1.6) is None


def test_a_part_of_a_sound_keeps_its_time() -> None:
    whole = sound(np.arange(RATE_HZ, dtype=np.int16), start_s=10.0)
    part = whole.between(10.25, 10.5)
    assert (part.start_s, len(part.pcm), int(part.pcm[0])) == (10.25, RATE_HZ // 4, RATE_HZ // 4)
    assert len(whole.between(12.0, 13.0).pcm) == 0


def test_the_dark_area_follows_the_drawn_mouth() -> None:
    openness = opening(sound(speech(3.0))).values
    frames = faces(openness)
    assert np.corrcoef(dark_area(frames), openness)[0, 1] > 0.95
    smaller = [frame[::2, ::2] for frame in frames]
    mixed = frames[:30] + smaller[30:]
    assert np.corrcoef(dark_area(mixed), openness)[0, 1] > 0.93, "a picture that changes its size midway still counts"


def test_motion_is_large_where_the_mouth_moves_and_none_across_sizes() -> None:
    frames = faces(np.array([0.0, 0.0, 0.9, 0.9, 0.1]))
    moved = motion([*frames, frames[-1][::2, ::2]])
    assert moved[2] > 5 * moved[1] and moved[4] > 5 * moved[3] and moved[0] == moved[5] == 0.0


@pytest.mark.parametrize("late_ms", [-200, -113, -40, 0, 17, 90, 200])
def test_an_offset_put_in_comes_out_by_reference(late_ms: int) -> None:
    sent = sound(speech(3.0, lead_s=0.5, tail_s=0.5))
    reference = opening(sent)
    heard = Sound(pcm=sent.pcm, rate_hz=RATE_HZ, start_s=sent.start_s + 60.0)
    seen = opening(sent, late_s=60.0 + late_ms / 1000, jitter_s=0.02)
    drawn = Series(times_s=seen.times_s, values=dark_area(faces(seen.values)))
    found = offset_by_reference(drawn, heard, reference, sent)
    assert found is not None and abs(found * 1000 - late_ms - 10) < 25, "10 ms: the mean of the jitter"


def test_a_gap_in_the_middle_of_an_answer_does_not_change_its_offset() -> None:
    pcm = speech(6.0, lead_s=0.5, tail_s=0.5)
    sent, reference = sound(pcm), opening(sound(pcm))
    middle_s, gap_s = 3.5, 0.35
    gap = np.zeros(int(gap_s * RATE_HZ), np.int16)
    heard = sound(np.insert(pcm, int(middle_s * RATE_HZ), gap), start_s=60.0)
    times_s = reference.times_s + 60.09 + np.where(reference.times_s > middle_s, gap_s, 0.0)
    found = offset_by_reference(Series(times_s=times_s, values=reference.values), heard, reference, sent)
    assert found is not None and abs(found - 0.09) < 0.025


@pytest.mark.parametrize("late_ms", [-200, -40, 0, 90, 200])
def test_an_offset_put_in_comes_out_by_speech(late_ms: int) -> None:
    heard = sound(speech(4.0, seed=8, lead_s=0.5, tail_s=0.5), start_s=7.0)
    found = offset_by_speech(opening(heard, late_s=late_ms / 1000), heard)
    assert found is not None and abs(found * 1000 - late_ms) < 25


def test_several_answers_share_one_lag_and_one_r() -> None:
    answers = [sound(speech(2.0, seed=seed, lead_s=0.4), start_s=seed * 10.0) for seed in (1, 2, 3)]
    found = speech_match([(opening(answer, late_s=-0.042), answer) for answer in answers])
    assert found is not None and found.r > 0.9
    assert found.lag_s == pytest.approx(0.042, abs=0.01)


def test_an_unrelated_mouth_has_no_offset() -> None:
    sent, other = sound(speech(3.0, seed=1)), sound(speech(3.0, seed=2))
    assert offset_by_reference(opening(other), sent, opening(sent), sent) is None


def test_a_still_mouth_matches_nothing() -> None:
    heard = sound(speech(2.0))
    still = Series(times_s=np.arange(0, 2, 1 / 24), values=np.full(48, 0.3))
    assert offset_by_speech(still, heard) is None
    assert match(still, still) is None


def test_the_frame_rate_is_the_median_second() -> None:
    steady = np.arange(0, 5, 1 / 24)
    stalled = np.concatenate([steady, 6 + steady])
    assert frames_per_second(steady) == pytest.approx(24, abs=1)
    assert frames_per_second(stalled) == pytest.approx(24, abs=1)
    assert frames_per_second(steady[:10]) is None


def test_repeated_pictures_are_no_new_ones():
    noise = np.random.default_rng(1).integers(0, 4, (90, 4, 4))
    crops = [(np.full((4, 4), 10 * (n * 24 // 30) % 200) + noise[n]).astype(np.uint8) for n in range(90)]
    times_s = np.arange(90) / 30
    assert frames_per_second(times_s) == pytest.approx(30, abs=1)
    assert frames_per_second(new_pictures(times_s, crops)) == pytest.approx(24, abs=1)


def test_the_middle_ignores_what_was_not_measured() -> None:
    assert middle([None, 3.0, 1.0, 2.0]) == 2.0
    assert middle([None]) is None
