"""Is someone speaking? Silero's network gives each 32 ms window a probability; a pure gate turns those into stretches.

The ONNX file comes from the silero-vad distribution (MIT), whose package imports torch: only its data is used, and it
is found without importing it. Input per window: 64 samples of context and 512 new ones at 16 kHz, state (2, 1, 128).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.config import report_to_no_maker
from bot.hearing.base import RATE_HZ, HearingError, Pcm

WINDOW = 512
CONTEXT = 64
FRAME = 80  # 5 ms: the grain in which edges are refined
MODEL_FILE = "silero_vad.onnx"


class DetectorMissing(HearingError):
    """The voice detector's model is not installed; `pip install --no-deps silero-vad` brings it."""

    code = "detector_missing"
    retryable = False


def load_model() -> Any:
    """An onnxruntime session, shared by all streams. One thread: more only contend. Raises DetectorMissing."""
    spec = find_spec("silero_vad")
    if spec is None or not spec.submodule_search_locations:
        raise DetectorMissing(DetectorMissing.__doc__)
    path = Path(spec.submodule_search_locations[0]) / "data" / MODEL_FILE
    if not path.is_file():
        raise DetectorMissing(f"the installed silero-vad has no {MODEL_FILE}")
    report_to_no_maker()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])


class SpeechProbability:
    """One stream's state in the network."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._rate = np.array(RATE_HZ, np.int64)
        self.reset()

    def reset(self) -> None:
        self._state = np.zeros((2, 1, 128), np.float32)
        self._input = np.zeros((1, CONTEXT + WINDOW), np.float32)

    def of(self, window: Pcm) -> float:
        """Probability of speech in these 512 samples. Digital silence is not shown to the network."""
        if not window.any():
            self.reset()
            return 0.0
        self._input[0, :CONTEXT] = self._input[0, -CONTEXT:]
        self._input[0, CONTEXT:] = window.astype(np.float32) / 32768.0
        inputs = {"input": self._input, "state": self._state, "sr": self._rate}
        probability, self._state = self._model.run(None, inputs)
        return float(probability[0, 0])


@dataclass(frozen=True, kw_only=True, slots=True)
class GateSettings:
    on: float = 0.5
    off: float = 0.35
    start_windows: int = 3  # voiced windows, of the last `start_of`, that begin a stretch
    start_of: int = 4
    end_silence_s: float = 0.5
    longest_s: float = 30.0  # a stretch is cut here, so that a drone or a talker without pause bounds what is kept
    edge_db: float = -32.0  # below the loudest 5 ms of the stretch: not voice any more


@dataclass(frozen=True, kw_only=True, slots=True)
class Began:
    start_sample: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    start_sample: int
    end_sample: int
    decided_sample: int


class SpeechGate:
    """Probabilities in, stretches out. Pure: positions are samples, no clock. Windows follow each other without gaps;
    `jump` says where the next one begins when they do not."""

    def __init__(self, settings: GateSettings, position: int = 0) -> None:
        self._settings = settings
        self.jump(position)

    def jump(self, position: int) -> None:
        self.position = position
        self.start: int | None = None
        self.voiced_samples = 0  # of this stretch, the start's included
        self.silent_samples = 0  # the pause it stands in
        self._last_voiced = position
        self._peak = 0.0
        kept = self._settings.start_of * WINDOW + round(self._settings.end_silence_s * RATE_HZ) + 8 * WINDOW
        self._recent: deque[tuple[int, bool]] = deque(maxlen=self._settings.start_of)
        self._levels: deque[tuple[int, float]] = deque(maxlen=kept // FRAME)  # (sample, rms) of 5 ms frames

    def add(self, window: Pcm, probability: float) -> Began | Finished | None:
        """The verdict after these 512 samples."""
        begin = self.position
        self.position = begin + len(window)
        frames = window[: len(window) // FRAME * FRAME].astype(np.float32).reshape(-1, FRAME)
        levels: NDArray[np.float32] = np.sqrt((frames**2).mean(axis=1))
        self._levels.extend((begin + index * FRAME, float(level)) for index, level in enumerate(levels))
        voiced = probability >= (self._settings.on if self.start is None else self._settings.off)
        if self.start is None:
            return self._look_for_start(begin, voiced)
        if voiced:
            self._last_voiced = self.position
            self._peak = max(self._peak, float(levels.max()))
            self.voiced_samples += len(window)
        return self._look_for_end(voiced)

    def _look_for_start(self, begin: int, voiced: bool) -> Began | None:
        self._recent.append((begin, voiced))
        heard = [sample for sample, was_voiced in self._recent if was_voiced]
        if not voiced or len(heard) < self._settings.start_windows:
            return None
        self._peak = max(level for sample, level in self._levels if sample >= heard[0])
        loud = [sample for sample, level in self._levels if sample >= heard[0] - WINDOW and level >= self._edge()]
        self.start = loud[0] if loud else heard[0]
        self._last_voiced = self.position
        self.voiced_samples, self.silent_samples = len(heard) * WINDOW, 0
        self._recent.clear()
        return Began(start_sample=self.start)

    def _look_for_end(self, voiced: bool) -> Finished | None:
        assert self.start is not None
        too_long = self.position - self.start >= self._settings.longest_s * RATE_HZ
        if voiced and not too_long:
            self.silent_samples = 0
            return None
        end = self.position if voiced else self._voiced_end()
        self.silent_samples = self.position - end
        if not too_long and self.position - end < self._settings.end_silence_s * RATE_HZ:
            return None
        finished = Finished(start_sample=self.start, end_sample=end, decided_sample=self.position)
        self.start = None
        return finished

    def _voiced_end(self) -> int:
        """The network answers late: the last loud frame up to its last voiced window is where the voice ended."""
        edge = self._edge()
        assert self.start is not None
        first = max(self.start, self._last_voiced - 8 * WINDOW)
        loud = [s for s, level in self._levels if first <= s < self._last_voiced + WINDOW and level >= edge]
        return loud[-1] + FRAME if loud else self._last_voiced

    def _edge(self) -> float:
        return max(self._peak * 10 ** (self._settings.edge_db / 20), 8.0)
