"""The messages between a session and its process."""

from __future__ import annotations

import numpy as np
import pytest

from engine.api import SPEECH_RATE_HZ
from engine.pieces import pieces_of
from engine.portrait import wire


@pytest.mark.parametrize("seconds", [0.1, 349.0, 350.0, 900.0])
def test_speech_of_any_length_goes_whole_in_messages_that_are_taken(seconds: float) -> None:
    pcm = (np.arange(round(seconds * SPEECH_RATE_HZ)) % 30_011).astype(np.int16)
    received = []
    for piece, timing in pieces_of(pcm, None, most=wire.MAX_SAMPLES):
        message = wire.packed({"do": "speak"}, piece)
        head, tail = wire.sizes(message[: wire.HEADER.size])
        assert timing is None and len(message) == wire.HEADER.size + head + tail
        received.append(wire.unpacked(message[8 : 8 + head], message[8 + head :])[1])
    np.testing.assert_array_equal(np.concatenate(received), pcm)
