"""The models of pyannote.audio as a VoiceModel: who speaks in a window, how each sounds. Heavy: for its own process.

A checkpoint is a pickle and runs code when it is loaded: only what the operator configured is.
"""

from __future__ import annotations

import logging
import pickle
import warnings
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.hearing.base import RATE_HZ
from bot.hearing.diarization.base import DiarizerMissing
from bot.hearing.diarization.errors import DiarizerPackagesMissing, ModelGated, ModelLayoutWrong, ModelNotFetched
from bot.hearing.diarization.torchaudio_import import import_torchaudio
from bot.hearing.diarization.window import CELL, Activity, Embeddings, VoiceModel, Weights, Window

LEAST_EMBEDDED_CELLS = 10


def import_pyannote() -> None:
    """Raises DiarizerPackagesMissing, also where pyannote.audio would report to its maker."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts that read sound files, which nothing here does
            import_torchaudio()
            from pyannote.audio.telemetry.metrics import is_metrics_enabled
    except (ImportError, OSError) as error:
        raise DiarizerPackagesMissing(f"pyannote.audio does not load: {error}") from error
    for noisy in ("lightning", "lightning.pytorch", "lightning_fabric", "pytorch_lightning"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    if is_metrics_enabled():
        raise DiarizerPackagesMissing("pyannote.audio would report to its maker: PYANNOTE_METRICS_ENABLED is not 0")


def load_voices(source: str) -> PyannoteVoices:
    """`source`: a folder or a name on the hub. Raises DiarizerMissing."""
    import_pyannote()
    import torch

    torch.set_num_threads(1)
    segmentation, embedding = _load(source, "segmentation"), _load(source, "embedding")
    kind = type(segmentation.specifications).__name__
    if kind != "Specifications" or segmentation.specifications.resolution.name != "FRAME":
        raise ModelLayoutWrong(f"the segmentation in {source} does not judge frames")
    if not hasattr(embedding, "resnet"):
        raise ModelLayoutWrong(f"the embedding in {source} takes no weights for several speakers")
    if not segmentation.hparams.sample_rate == embedding.hparams.sample_rate == RATE_HZ:
        raise ModelLayoutWrong(f"the model in {source} is not for 16 kHz")
    return PyannoteVoices(segmentation, embedding)


def _load(source: str, part: str) -> Any:
    from huggingface_hub import errors as hub
    from pyannote.audio import Model

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model: Any = Model.from_pretrained(source, subfolder=part)
    except hub.LocalEntryNotFoundError as error:
        raise ModelNotFetched(f"{source} is not in the cache and huggingface.co was not reached") from error
    except hub.HfHubHTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", 0)
        raise refusal(source, status) from error
    except (AttributeError, EOFError, ImportError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise ModelLayoutWrong(f"the {part} in {source} cannot be loaded: {type(error).__name__}: {error}") from error
    except pickle.UnpicklingError as error:
        raise ModelLayoutWrong(f"the {part} in {source} is no checkpoint") from error
    return model.eval()


def refusal(source: str, status: int) -> DiarizerMissing:
    """Nothing else of the hub's answer is repeated: it may name the account."""
    if status in (401, 403):
        page = f"https://huggingface.co/{source}"
        return ModelGated(f"{source} is not given to this account: accept its terms on {page} and set HF_TOKEN")
    return ModelNotFetched(f"{source} was not fetched: huggingface.co answered {status or 'nothing'}")


class PyannoteVoices(VoiceModel):
    def __init__(self, segmentation: Any, embedding: Any) -> None:
        from bot.hearing.diarization.quick import quickened

        self._segmentation, self._embedding = segmentation, embedding
        self._scores = quickened(segmentation)
        specifications = segmentation.specifications
        self.local_speakers = len(specifications.classes)
        most_at_once = specifications.powerset_max_classes if specifications.powerset else 0
        self._sets = powerset(self.local_speakers, most_at_once)
        field = segmentation.receptive_field
        self._first_s, self._step_s = field.start + field.duration / 2, field.step

    def frames(self, window: Window) -> NDArray[np.bool_]:
        """Frames x local speakers, in the model's own frames."""
        import torch

        with torch.inference_mode():
            scores = self._scores(_waveform(window))[0].numpy()
        if not len(self._sets):
            return np.asarray(scores >= 0.5)
        return self._sets[scores.argmax(axis=1)]

    def activity(self, window: Window) -> Activity:
        frames = self.frames(window)
        middles_s = (np.arange(window.cells) + 0.5) * CELL / RATE_HZ
        nearest = np.round((middles_s - self._first_s) / self._step_s).astype(int)
        return frames[np.clip(nearest, 0, len(frames) - 1)]

    def embeddings(self, window: Window, weights: Weights) -> Embeddings:
        import torch

        with torch.inference_mode():
            found = self._embedding(_waveform(window), weights=torch.from_numpy(np.ascontiguousarray(weights))[None])
        vectors = found[0].numpy().astype(np.float64)
        vectors[weights.sum(axis=1) < LEAST_EMBEDDED_CELLS] = np.nan
        return np.asarray(vectors)


def powerset(speakers: int, most_at_once: int) -> NDArray[np.bool_]:
    """Classes x speakers: which speakers each class of the network stands for; none where speakers are judged one by
    one (`most_at_once` 0)."""
    if not most_at_once:
        return np.zeros((0, speakers), np.bool_)
    sets = [chosen for size in range(most_at_once + 1) for chosen in combinations(range(speakers), size)]
    rows = np.zeros((len(sets), speakers), np.bool_)
    for row, chosen in zip(rows, sets, strict=True):
        row[list(chosen)] = True
    return rows


def _waveform(window: Window) -> Any:
    import torch

    return torch.from_numpy(window.pcm.astype(np.float32) / 32768.0)[None, None]
