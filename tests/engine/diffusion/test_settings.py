"""`understudy.json` sets all of a checkpoint but its shapes, and what it cannot mean is told in words."""

from __future__ import annotations

import json

import pytest

from engine.api import BadFormat
from engine.diffusion.config import PRESETS, CachePolicy, PositionPolicy, SamplerKind
from engine.diffusion.errors import BadCheckpoint
from engine.diffusion.settings import applied, read

TINY = PRESETS["tiny"]


def test_everything_but_shapes_can_be_set(tmp_path):
    schedule = {"kind": "euler", "steps": 3, "shift": 3, "round_timesteps": False}
    wanted = {"cache": "per_timestep", "positions": "relative", "schedule": schedule, "drift_correction": 0}
    sound = {"window_s": 2.5, "look_ahead_latents": 2}
    (tmp_path / "understudy.json").write_text(json.dumps({"preset": "tiny", "sound": sound, "fps": 25, **wanted}))
    name, settings = read(tmp_path)
    checkpoint = applied(TINY, settings)
    assert name == "tiny"
    assert (checkpoint.cache, checkpoint.positions) == (CachePolicy.PER_TIMESTEP, PositionPolicy.RELATIVE)
    assert (checkpoint.schedule.kind, checkpoint.schedule.steps, checkpoint.passes) == (SamplerKind.EULER, 3, 3)
    assert (checkpoint.sound.window_s, checkpoint.sound.look_ahead_latents, checkpoint.fps) == (2.5, 2, 25)
    assert (checkpoint.sound.layers, checkpoint.trunk) == (TINY.sound.layers, TINY.trunk)


def test_without_the_file_nothing_is_set(tmp_path):
    assert read(tmp_path) == (None, {})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fps": "16"}, "fps: '16' is no int"),
        ({"fps": 24.0}, "fps: 24.0 is no int"),
        ({"sink_latents": True}, "sink_latents: True is no int"),
        ({"tiny_decoder": "no"}, "tiny_decoder: 'no' is no bool"),
        ({"prompt": 5}, "prompt: 5 is no str"),
        ({"drift_correction": "much"}, "drift_correction: 'much' is no number"),
        ({"drift_correction": 7}, "from 0 to 1"),
        ({"adopt_reference_after": -1}, "negative"),
        ({"positions": "sideways"}, "positions: 'sideways' is not a valid PositionPolicy"),
        ({"schedule": 2}, "schedule: 2 is no object"),
        ({"schedule": {"steps": 0}}, "schedule: a schedule has at least one step"),
        ({"schedule": {"pace": 2}}, "schedule: cannot set pace; can set: kind, steps, shift, round_timesteps"),
        ({"sound": {"layers": 2}}, "sound: cannot set layers; can set: window_s, look_ahead_latents"),
        ({"sound": {"window_s": 0}}, "window of sound"),
        ({"trunk": {"width": 2}}, "cannot set trunk"),
        ({"block_latents": 9}, "does not fit beside the sink"),
    ],
    ids=str,
)
def test_what_a_setting_cannot_mean_is_told(settings, words):
    with pytest.raises(BadCheckpoint, match=words):
        applied(TINY, settings)


@pytest.mark.parametrize("settings", [{"fps": 0}, {"fps": 23}, {"width_px": 50}], ids=str)
def test_a_size_or_rate_no_stream_can_have_is_told(settings):
    with pytest.raises(BadFormat, match=r"understudy\.json"):
        applied(TINY, settings)


@pytest.mark.parametrize("content", [b"[1]", b'{"preset": []}', b"\xff\xfe", b"{"], ids=str)
def test_a_file_that_is_no_object_of_settings_is_told(content, tmp_path):
    (tmp_path / "understudy.json").write_bytes(content)
    with pytest.raises(BadCheckpoint, match=r"understudy\.json"):
        read(tmp_path)
