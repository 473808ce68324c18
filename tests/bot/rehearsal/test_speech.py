"""The asker's voice speaks."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from bot.rehearsal.measure import Sound, spans
from bot.rehearsal.speech import RATE_HZ, VOICES, VoiceMissing, synthesise


@pytest.mark.parametrize("voice", list(VOICES))
async def test_a_line_becomes_sound_of_a_persons_level(voice: str) -> None:
    if shutil.which(VOICES[voice][0]) is None:
        pytest.skip(f"{VOICES[voice][0]} is not installed")
    pcm = await synthesise("How old is the lighthouse?", voice=voice)
    spoken = spans(Sound(pcm=pcm, rate_hz=RATE_HZ, start_s=0.0))
    assert 0.8 < sum(span.seconds for span in spoken) < 4
    loud = pcm[np.abs(pcm.astype(np.int32)) > 328] / 32768.0
    assert -26 < 20 * np.log10(np.sqrt(np.mean(loud**2))) < -18


async def test_text_is_never_an_option_of_the_command() -> None:
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")
    assert len(await synthesise("-o /dev/null")) > RATE_HZ // 2


async def test_a_missing_voice_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(VoiceMissing, match="flite is not installed"):
        await synthesise("hello")
