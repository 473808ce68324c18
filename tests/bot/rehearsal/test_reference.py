"""The answer rendered again, by the real voice and engine, is a zero to measure from."""

from __future__ import annotations

import numpy as np
import pytest

from bot.library import SHIPPED
from bot.rehearsal.measure import Series, Sound, offset_by_reference, speech_match
from bot.rehearsal.reference import Renderer, mouth_box

ANSWER = "Garlic is planted in October. Push single cloves five centimetres deep, with the tip up."


def test_the_mouth_of_the_shipped_character_is_in_the_lower_middle() -> None:
    x, y, width, height = mouth_box(SHIPPED / "record")
    assert 0.3 < x < x + width < 0.7 and 0.4 < y < y + height < 0.9


@pytest.mark.slow
@pytest.mark.parallel
async def test_an_offset_put_into_a_real_clip_comes_out() -> None:
    async with Renderer(SHIPPED, "640x360") as renderer:
        reference = await renderer.render(ANSWER)
    natural = speech_match([(reference.mouth, reference.sound)])
    assert natural is not None and natural.r > 0.5 and abs(natural.lag_s) < 1.5 / 24
    random = np.random.default_rng(2)
    for late_ms in (-200, -125, -40, 0, 45, 200):
        times_s = reference.mouth.times_s + 30 + late_ms / 1000 + random.uniform(0, 0.02, len(reference.mouth))
        noise = random.normal(0, 0.01, len(reference.mouth))
        seen = Series(times_s=times_s, values=reference.mouth.values + noise)
        heard = Sound(pcm=reference.sound.pcm, rate_hz=reference.sound.rate_hz, start_s=30.0)
        found = offset_by_reference(seen, heard, reference.mouth, reference.sound)
        assert found is not None and abs(found * 1000 - late_ms - 10) < 25, "10 ms: the mean of the jitter"
