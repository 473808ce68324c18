import numpy as np

from bot.meeting.playback import Playback, Run, audible_span


def speech(start: int, *, epoch: int = 1, media: int = 0, spoken: int = 0, audible: int | None = 0) -> Run:
    """Ten milliseconds of speech at the device from `start`."""
    return Run(
        device_start=start,
        length=480,
        epoch=epoch,
        media_start=media,
        spoken_from=spoken,
        spoken_to=spoken + 240,
        audible_at=None if audible is None else start + audible,
    )


def silence(start: int) -> Run:
    return Run(device_start=start, length=480, epoch=0, media_start=None, spoken_from=0, spoken_to=0)


def test_only_what_passed_the_device_counts_as_heard() -> None:
    playback = Playback()
    playback.wrote(speech(0))
    playback.wrote(speech(480, media=480, spoken=240))
    playback.heard(480 + 240, now_s=1.0)
    assert playback.of(1).heard_to == 240 + 120


def test_the_first_audible_sample_is_timed_exactly_though_seen_late() -> None:
    playback = Playback()
    playback.wrote(silence(0))
    playback.wrote(speech(480, audible=48))
    playback.heard(960, now_s=10.0)
    assert playback.of(1).first_audible_s == 10.0 - (960 - 528) / 48_000


def test_filled_in_silence_does_not_move_the_media_clock() -> None:
    playback = Playback()
    playback.wrote(speech(0, media=4800))
    playback.wrote(silence(480))
    playback.wrote(speech(960, media=5280))
    assert [playback.media_at(at) for at in (0, 100, 480, 700, 960, 1000)] == [4800, 4900, 5280, 5280, 5280, 5320]
    assert playback.filled == 480


def test_a_frame_shown_while_its_own_sound_is_heard_has_no_offset() -> None:
    playback = Playback()
    playback.wrote(speech(0, media=0))
    playback.heard(100, now_s=1.0)
    playback.showed(epoch=1, media_sample=100, device_sample=100, now_s=1.0)
    playback.showed(epoch=1, media_sample=100, device_sample=148, now_s=1.001)
    assert playback.of(1).offsets_ms == [0.0, 1.0], "+ is sound early"


def test_silence_has_no_audible_sample() -> None:
    assert audible_span(np.zeros(480, np.int16)) is None
    assert audible_span(np.array([0, 10, -5000, 3], np.int16)) == (2, 3)
