"""The quick segmentation against pyannote's own network and PyTorch's own LSTM, on random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bot.hearing.base import Pcm
from bot.hearing.diarization.window import HOP, WINDOW
from tests.bot.hearing.pyannote_parts import babble, needs_pyannote

pytestmark = [pytest.mark.slow, pytest.mark.parallel, needs_pyannote, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def model() -> Any:
    from bot.hearing.diarization.random_model import random_segmentation

    return random_segmentation()


def scores(network: Any, pcm: Pcm) -> Any:
    import torch

    with torch.inference_mode():
        return network(torch.from_numpy(pcm.astype(np.float32) / 32768)[None, None])[0].numpy()


def test_windows_that_overlap_jump_shrink_and_fall_silent_have_pyannotes_scores(model: Any) -> None:
    from bot.hearing.diarization.quick import quickened

    quick = quickened(model)
    assert quick is not model
    sound = np.concatenate([babble(8 * HOP), np.zeros(4 * HOP, np.int16), babble(24 * HOP, 1) // 40])
    hops = [0, 1, 2, 5, 6, 7, 8, 9, 25, 3, 4, 23, 24]
    windows = [sound[hop * HOP : hop * HOP + WINDOW] for hop in hops] + [sound[:4321], sound[: 4321 + HOP]]
    for pcm in windows:
        assert np.allclose(scores(quick, pcm), scores(model, pcm), rtol=0, atol=3e-4)


def test_only_the_new_part_of_a_window_is_filtered(model: Any) -> None:
    import torch

    from bot.hearing.diarization.quick import quickened

    filters: Any = quickened(model).sincnet.conv1d[0]
    sound = torch.from_numpy(babble(WINDOW + 2 * HOP).astype(np.float32))[None, None]
    first, second = sound[..., :WINDOW], sound[..., HOP : HOP + WINDOW]
    with torch.inference_mode():
        said = filters(first)
        assert filters._shared_frames(second) == said.shape[-1] - HOP // 10
        assert filters._shared_frames(second.flip(-1)) == 0


@pytest.mark.parametrize(("hidden", "layers", "both_ways"), [(8, 1, False), (24, 3, True), (128, 2, True)])
def test_the_compiled_lstm_is_pytorchs(hidden: int, layers: int, both_ways: bool) -> None:
    import torch

    from bot.hearing.diarization.quick import CompiledLstm

    torch.manual_seed(hidden)
    lstm = torch.nn.LSTM(60, hidden, num_layers=layers, bidirectional=both_ways, batch_first=True).eval()
    with torch.inference_mode():
        for loudness in (0.1, 1.0, 30.0):  # the last drives every gate to its end
            given = loudness * torch.randn(1, 97, 60)
            assert torch.allclose(CompiledLstm(lstm)(given)[0], lstm(given)[0], rtol=0, atol=3e-6)


def test_a_network_that_is_built_otherwise_is_left_as_it_is(model: Any) -> None:
    import copy

    import torch

    from bot.hearing.diarization.quick import quickened

    odd = copy.deepcopy(model)
    odd.lstm = torch.nn.LSTM(60, 20, bidirectional=True, batch_first=True)
    assert quickened(odd) is odd
    other = torch.nn.Linear(2, 2)
    assert quickened(other) is other
