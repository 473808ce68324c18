"""pyannote's segmentation network, the same function in fewer steps. Knows the parts of PyanNet.

A window shares nine tenths of its samples with the one before, and the network's first and widest filters look at a few
milliseconds each: what they said is kept, and only the new tenth is filtered. The window's level, which the network
evens out before its filters, is applied after them, since filtering is linear. Its recurrent layers run compiled.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bot.hearing.diarization.recurrence import ROWS, direction
from bot.hearing.diarization.window import HOP, WINDOW

_HOPS = range(HOP, WINDOW, HOP)  # samples; more than one where windows are skipped
_LSTM_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def quickened(model: nn.Module) -> nn.Module:
    """A copy that gives the same scores within 1e-4; the model itself where it is built otherwise."""
    sincnet, lstm = getattr(model, "sincnet", None), getattr(model, "lstm", None)
    if not (isinstance(lstm, nn.LSTM) and _is_plain(lstm) and _has_one_band_filter(sincnet)):
        return model
    quick: Any = copy.deepcopy(model).eval()
    first = quick.sincnet.conv1d[0]
    quick.sincnet.conv1d[0] = KeptFilters(quick.sincnet.wav_norm1d, first.get_filters().detach(), first.stride)
    quick.sincnet.wav_norm1d = nn.Identity()
    quick.lstm = CompiledLstm(lstm)
    quick.lstm(torch.zeros(1, 1, lstm.input_size))  # compiles it now, which takes seconds
    return quick


def _is_plain(lstm: nn.LSTM) -> bool:
    return lstm.batch_first and lstm.bias and not lstm.proj_size and lstm.hidden_size % ROWS == 0


def _has_one_band_filter(sincnet: Any) -> bool:
    norm, filters = getattr(sincnet, "wav_norm1d", None), getattr(sincnet, "conv1d", None)
    if not isinstance(norm, nn.InstanceNorm1d) or norm.track_running_stats or not filters:
        return False
    first = filters[0]
    return hasattr(first, "get_filters") and not getattr(first, "padding", 0) and first.get_filters().shape[1] == 1


class KeptFilters(nn.Module):
    """The level's norm and the first filters in one, for sound that comes in windows which overlap."""

    def __init__(self, norm: nn.InstanceNorm1d, filters: Tensor, stride: int) -> None:
        super().__init__()
        self._norm, self._filters, self._stride = norm, filters, stride
        self._sums = filters.sum(dim=(1, 2))[None, :, None]
        self._sound, self._said = torch.empty(1, 1, 0), torch.empty(1, len(filters), 0)

    def forward(self, sound: Tensor) -> Tensor:
        said = self._raw(sound)
        gain, shift = torch.ones(()), torch.zeros(())
        if self._norm.affine:
            gain, shift = self._norm.weight, self._norm.bias
        gain = gain / torch.sqrt(sound.var(unbiased=False) + self._norm.eps)
        return (gain * said).add_((shift - gain * sound.mean()) * self._sums)

    def _raw(self, sound: Tensor) -> Tensor:
        """Filters x frames, of the sound as it is."""
        shared = self._shared_frames(sound)
        new = nn.functional.conv1d(sound[..., shared * self._stride :], self._filters, stride=self._stride)
        said = torch.cat([self._said[..., self._said.shape[-1] - shared :], new], dim=-1)
        self._sound, self._said = sound, said
        return said

    def _shared_frames(self, sound: Tensor) -> int:
        """How many of its first frames are the last ones of the window before."""
        frames, length = self._said.shape[-1], self._sound.shape[-1]
        if sound.shape != self._sound.shape:
            return 0
        for hop in _HOPS:
            skipped, rest = divmod(hop, self._stride)
            if not rest and skipped < frames and torch.equal(sound[..., : length - hop], self._sound[..., hop:]):
                return frames - skipped
        return 0


class CompiledLstm(nn.Module):
    """`nn.LSTM` of one sequence: batch 1 first, no state given."""

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        sides = ("", "_reverse") if lstm.bidirectional else ("",)
        self._layers = [[_weights_of(lstm, f"l{layer}{side}") for side in sides] for layer in range(lstm.num_layers)]

    def forward(self, sequence: Tensor) -> tuple[Tensor, None]:
        steps = sequence[0]
        for sides in self._layers:
            said = [
                direction(torch.addmm(bias, steps, inputs).numpy(), recurrent, backwards=bool(side))
                for side, (inputs, recurrent, bias) in enumerate(sides)
            ]
            steps = torch.from_numpy(np.concatenate(said, axis=1))
        return steps[None], None


def _weights_of(lstm: nn.LSTM, part: str) -> tuple[Tensor, np.ndarray[Any, Any], Tensor]:
    """Inputs x gates, outputs x gates, and both biases as one."""
    inputs, recurrent, *biases = (getattr(lstm, f"{name}_{part}").detach() for name in _LSTM_PARTS)
    return inputs.t().contiguous(), np.ascontiguousarray(recurrent.numpy().T), biases[0] + biases[1]
