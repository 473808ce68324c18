"""Diarization on the real classes of pyannote.audio, with random weights: what we do of its work is what it does, and
the whole path runs in its process. Whose voice is whose is not shown here: random weights know none."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.hearing.base import RATE_HZ, HearingError, Pcm
from bot.hearing.diarization.base import DiarizationEvent, Frontier, SpeakerSpan
from bot.hearing.diarization.pyannote_diarizer import MOST_WAITING_S, PyannoteDiarizer
from bot.hearing.diarization.window import CELL, CELLS, WINDOW, Window
from tests.bot.hearing.pyannote_parts import babble, needs_pyannote
from tests.bot.hearing.spans import standing
from tests.polling import eventually

pytestmark = [pytest.mark.slow, pytest.mark.parallel, needs_pyannote, pytest.mark.timeout(600)]

CHUNK = RATE_HZ // 50
DEADLINE_S = 240.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from bot.hearing.diarization.random_model import make_random_model

    made = tmp_path_factory.mktemp("model")
    make_random_model(made)
    return made


@pytest.fixture(scope="module")
def voices(folder: Path) -> Iterator[Any]:
    import torch

    from bot.hearing.diarization.pyannote_voices import load_voices

    threads = torch.get_num_threads()
    yield load_voices(str(folder))
    torch.set_num_threads(threads)


def as_tensor(pcm: Pcm) -> Any:
    import torch

    return torch.from_numpy(pcm.astype(np.float32) / 32768)[None]


def test_segmentation_is_decoded_as_pyannote_decodes_it(voices: Any) -> None:
    from pyannote.audio.core.inference import Inference

    ours, theirs = [], []
    inference = Inference(voices._segmentation, duration=5.0, step=5.0, skip_aggregation=True)
    for seed in range(4):
        pcm = babble(WINDOW, seed)
        ours.append(voices.frames(Window(start_sample=0, pcm=pcm)))
        theirs.append(inference({"waveform": as_tensor(pcm), "sample_rate": RATE_HZ}).data[0] > 0.5)
    assert np.array_equal(np.stack(ours), np.stack(theirs))
    assert len({row.tobytes() for frames in ours for row in frames}) >= 3, "the weights must not say one thing only"


def test_every_class_stands_for_the_speakers_pyannote_takes_it_for() -> None:
    import torch
    from pyannote.audio.utils.powerset import Powerset

    from bot.hearing.diarization.pyannote_voices import powerset

    for speakers, at_once in ((3, 2), (4, 2), (3, 3)):
        classes = powerset(speakers, at_once)
        theirs = Powerset(speakers, at_once).to_multilabel(torch.log(torch.eye(len(classes)) + 1e-9)[None])[0]
        assert np.array_equal(classes, theirs.numpy() > 0.5)


def test_cells_are_the_frames_around_them(voices: Any) -> None:
    window = Window(start_sample=0, pcm=babble(WINDOW))
    frames, cells = voices.frames(window), voices.activity(window)
    field = voices._segmentation.receptive_field
    assert cells.shape == (CELLS, 3)
    for cell in range(5, CELLS - 5, 7):
        middle = field[0].middle + field.step * np.arange(len(frames))
        assert np.array_equal(cells[cell], frames[np.abs(middle - (cell + 0.5) * CELL / RATE_HZ).argmin()])


def test_embeddings_of_three_speakers_in_one_pass_are_those_of_three_passes_of_pyannotes_own(voices: Any) -> None:
    import torch
    from pyannote.audio.pipelines.speaker_verification import PyannoteAudioPretrainedSpeakerEmbedding

    pcm = babble(WINDOW)
    weights = np.zeros((3, CELLS), np.float32)
    for row, (first, end) in enumerate(((0, 200), (150, 400), (300, 500))):
        weights[row, first:end] = 1.0
    ours = voices.embeddings(Window(start_sample=0, pcm=pcm), weights)
    embed = PyannoteAudioPretrainedSpeakerEmbedding(voices._embedding)
    theirs = np.vstack([embed(as_tensor(pcm)[None], masks=torch.from_numpy(row)[None]) for row in weights])
    assert ours.shape == (3, 256)
    assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert np.abs(ours[0] - ours[2]).max() > 1e-3


def test_the_folder_is_one_that_pyannotes_own_pipeline_loads(folder: Path) -> None:
    from pyannote.audio import Pipeline

    assert type(Pipeline.from_pretrained(str(folder))).__name__ == "SpeakerDiarization"


@asynccontextmanager
async def told_by(diarizer: PyannoteDiarizer, told: list[DiarizationEvent]) -> Any:
    async def read() -> None:
        async for event in diarizer.events():
            told.append(event)

    async with diarizer:
        reading = asyncio.create_task(read())
        try:
            yield reading
        finally:
            reading.cancel()
            await asyncio.wait([reading])


async def until_told(told: list[DiarizationEvent], sample: int) -> None:
    def is_told() -> bool:
        return any(isinstance(event, Frontier) and event.sample >= sample for event in told)

    await eventually(is_told, DEADLINE_S)


def environment_of(pid: int | None) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_sound_becomes_spans_in_a_process_that_reports_to_nobody(folder: Path) -> None:
    diarizer, told = PyannoteDiarizer(str(folder)), []
    pcm = babble(6 * RATE_HZ)
    async with told_by(diarizer, told):
        environment = environment_of(diarizer.pid)
        assert b"PYANNOTE_METRICS_ENABLED=0" in environment and b"HF_HUB_OFFLINE=1" in environment
        for start in range(0, len(pcm), CHUNK):
            diarizer.feed(start, pcm[start : start + CHUNK])
        await until_told(told, 4 * RATE_HZ)
        pid = diarizer.pid
    with pytest.raises(OSError):
        environment_of(pid)
    spans = standing(told)
    assert spans and all(0 <= span.start_sample < span.end_sample <= 6 * RATE_HZ for span in spans.values())
    frontiers = [event.sample for event in told if isinstance(event, Frontier)]
    assert frontiers == sorted(frontiers)
    assert any(isinstance(event, SpeakerSpan) for event in told)


async def test_more_than_it_can_take_is_dropped_and_counted_and_a_killed_process_is_an_error(folder: Path) -> None:
    diarizer, told = PyannoteDiarizer(str(folder)), []
    pcm = babble(RATE_HZ)
    async with told_by(diarizer, told) as reading:
        for second in range(40):
            diarizer.feed(second * RATE_HZ, pcm)
        await until_told(told, 39 * RATE_HZ)
        dropped = (40 - MOST_WAITING_S) * RATE_HZ
        assert diarizer.work.dropped_samples == dropped
        assert told[-1] == Frontier(sample=39 * RATE_HZ, dropped_samples=int(dropped))
        assert diarizer.work.windows_skipped >= 10 and diarizer.work.windows <= 10
        os.kill(diarizer.pid or 0, signal.SIGKILL)
        diarizer.feed(40 * RATE_HZ, pcm)
        await asyncio.wait([reading], timeout=DEADLINE_S)
        assert isinstance(reading.exception(), HearingError)
