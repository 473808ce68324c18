"""Published sound and frames: exact doubling, no clicks, the right frame for every moment."""

from __future__ import annotations

import numpy as np
import pytest

from engine.api import AvBlock, VideoFormat
from engine.output import DELAY_SAMPLES, Doubler, Output

SMALL = VideoFormat(width=32, height=18, fps=24)


def speech_like(samples: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=samples + 8)
    smooth = np.convolve(noise, np.hanning(9), mode="valid")
    return (6000 * smooth / np.abs(smooth).max()).astype(np.int16)


def av_block(index: int, epoch: int = 1, video: VideoFormat = SMALL) -> AvBlock:
    frames = np.zeros((4, *video.frame_shape), np.uint8)
    frames += np.arange(4 * index, 4 * index + 4, dtype=np.uint8)[:, None, None]
    sound = speech_like(video.samples_per_block, seed=index)
    return AvBlock(epoch=epoch, index=index, frames=frames, sound=sound, spoken_from=0, spoken_to=0)


def test_every_second_sample_is_the_input_itself_a_constant_delay_later() -> None:
    pcm = speech_like(3000)
    doubled = Doubler().push(pcm)
    assert len(doubled) == 6000
    np.testing.assert_array_equal(doubled[DELAY_SAMPLES::2], pcm[: 3000 - DELAY_SAMPLES // 2])


@pytest.mark.parametrize("piece", [1, 7, 1000, 2999])
def test_cutting_the_stream_changes_no_sample(piece: int) -> None:
    pcm, stream = speech_like(3000), Doubler()
    cut = np.concatenate([stream.push(pcm[at : at + piece]) for at in range(0, 3000, piece)])
    np.testing.assert_array_equal(cut, Doubler().push(pcm))


def test_no_image_of_the_sound_appears_above_its_band() -> None:
    tone = (12000 * np.sin(2 * np.pi * 9000 * np.arange(24000) / 24000)).astype(np.int16)
    spectrum = np.abs(np.fft.rfft(Doubler().push(tone)[4000:44000] * np.hanning(40000)))
    hz = np.fft.rfftfreq(40000, 1 / 48000)
    assert 20 * np.log10(spectrum[hz > 13500].max() / spectrum.max()) < -60


@pytest.mark.parametrize(
    ("fps", "expected"), [(12, [0, 2, 4, 6]), (24, list(range(8))), (30, [0, 0, 1, 2, 3, 4, 4, 5, 6, 7])]
)
def test_published_frame_n_shows_the_moment_it_stands_for(fps: int, expected: list[int]) -> None:
    output = Output(SMALL, VideoFormat(width=32, height=18, fps=fps))
    blocks = [output.convert(av_block(index)) for index in range(2)]
    assert [int(frame[0, 0]) for b in blocks for frame in b.frames] == expected
    assert blocks[1].first_frame == len(blocks[0].frames)


def test_frames_pass_through_untouched_where_sizes_agree() -> None:
    block = av_block(0)
    assert Output(SMALL, SMALL).convert(block).frames is block.frames


def test_another_shape_shows_the_middle_of_the_picture_with_planes_in_place() -> None:
    square = VideoFormat(width=64, height=64, fps=24)
    frame = np.full(square.frame_shape, 90, np.uint8)
    frame[64:80], frame[80:] = 40, 200  # U, V
    frame[:10] = 255  # above what a 16:9 crop shows
    block = AvBlock(epoch=1, index=0, frames=np.stack([frame] * 4), sound=speech_like(4000), spoken_from=0, spoken_to=0)
    out = Output(square, SMALL).convert(block).frames
    assert out.shape == (4, 27, 32)
    assert (out[:, :18] == 90).all()
    chroma = out[0, 18:].reshape(2, 9, 16)
    assert (chroma[0] == 40).all() and (chroma[1] == 200).all()


def test_a_new_epoch_begins_from_silence() -> None:
    output = Output(SMALL, SMALL)
    output.convert(av_block(0, epoch=1))
    fresh = Output(SMALL, SMALL).convert(av_block(1, epoch=2))
    np.testing.assert_array_equal(output.convert(av_block(1, epoch=2)).sound, fresh.sound)
