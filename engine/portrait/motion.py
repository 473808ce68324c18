"""What a face does by itself: head, blinks, gaze, breath, nods. Depends on the seed, the frames so far and their input.

Slow incommensurate sines make the idle head, so it never repeats; events (blinks, glances) are drawn from the seed.
Four states flow into each other, and nobody sets them: it speaks while it has sound, listens while it hears some (it
leans in, nods a little at the speaker's stresses and more at a pause), thinks for a moment after the others stopped
(it looks aside), and idles. What speech brought is gone `CALM_FRAMES` after it ends, also when it was cut off.
The amounts stay where a still image can follow: about 2.5 degrees of yaw, 3 of pitch, 1 of roll.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

BLINK = (0.4, 0.92, 1.0, 0.85, 0.5, 0.2, 0.06)  # one blink, frame by frame at 24 fps
_SINES_HZ = (0.11, 0.19, 0.31, 0.53)
_SINES = (0.5, 0.3, 0.15, 0.07)
_AXIS_STRETCH = (1.0, 1.13, 0.91)
YAW_RAD, PITCH_RAD, ROLL_RAD = 0.030, 0.012, 0.014
SPEECH_NOD_RAD = 0.022
LISTEN_NOD_RAD, LISTEN_NOD_HZ, LISTEN_NOD_S = 0.075, 1.45, 1.6
BREATH_HZ = 0.23
PAUSE_S = 0.35  # of the others' speech, after which the listener nods
NOD_REST_S = 4.0
_HEARD_LEVEL = 0.02  # rms in -1..1
CALM_FRAMES = 4
_CALM = 0.4  # of speech's marks on the head are left after each frame without speech
LEAN_RAD = 0.012  # towards the one who speaks
SMALL_NOD = 0.4  # of a nod at a pause
SMALL_NOD_REST_S = 2.6
_DIP = 0.45  # of the speaker's recent loudness: below it a stress is over
THINK_AFTER_S, THINK_S = 0.7, 2.6  # since the others stopped
THINK_GAZE = (0.2, -0.1)
THINK_ROLL_RAD = 0.008
BLINK_WITH_GAZE = 0.35  # eyes that move so far blink on the way


@dataclass(frozen=True, kw_only=True, slots=True)
class Pose:
    """The face of one frame but its mouth; units as in `engine.portrait.expression.Look`."""

    turn_rad: tuple[float, float, float]
    blink: float
    brow: float
    gaze_xy: tuple[float, float]
    breath: float


class Motion:
    """One face; `step` once per frame."""

    def __init__(self, seed: int, fps: int) -> None:
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._dt = 1 / fps
        self._frame = 0
        self._phases = self._random.random((3, 4)) * 2 * math.pi
        self._envelope = self._slow = 0.0
        self._turn = np.zeros(3)
        self._blink_at_s = 1.1 + self._random.random()
        self._glance_at_s = 0.6
        self._glance = self._eyes = np.zeros(2)
        self._brow = 0.0
        self._brow_began_s = -9.0
        self._heard_s = self._quiet_s = 0.0
        self._was_told = False  # the others spoke for a while and nobody has answered yet
        self._nod_began_s = -9.0
        self._nod_share = 1.0
        self._heard_peak = 0.0
        self._lean = self._thought = 0.0
        self._aside = np.zeros(2)
        self._thinks_to = 1.0 if self._random.random() < 0.5 else -1.0

    def step(self, *, speech_level: float, heard_level: float, gaze_xy: tuple[float, float] | None) -> Pose:
        """Levels are rms in -1..1 of this frame's own speech and of what the others say now; gaze x to the picture's
        right, y down."""
        now_s = self._frame * self._dt
        self._frame += 1
        loud = min(1.0, speech_level / 0.12)
        speaking = speech_level > 0.0
        if speaking:
            self._envelope += (loud - self._envelope) * 0.35
            self._slow += (loud - self._slow) * 0.04
        else:  # silence inside speech is never quite zero: this is its end, or it was cut off
            self._envelope, self._slow = self._envelope * _CALM, self._slow * _CALM
            self._brow_began_s = -9.0
        accent = self._envelope - self._slow
        self._listen(heard_level, speaking=speaking, now_s=now_s)
        return Pose(
            turn_rad=self._head(now_s, accent, gaze_xy),
            blink=self._blink(now_s),
            brow=self._raised_brow(now_s, accent),
            gaze_xy=self._gaze(now_s, gaze_xy),
            breath=math.sin(2 * math.pi * BREATH_HZ * now_s),
        )

    def _listen(self, heard_level: float, *, speaking: bool, now_s: float) -> None:
        """Lean in while others speak; nod a little where a stress of theirs ends, more when they pause."""
        hears = heard_level > _HEARD_LEVEL
        attentive = hears and not speaking
        self._lean += (float(attentive) - self._lean) * (0.06 if not speaking else 0.4)
        thinks = not (hears or speaking) and THINK_AFTER_S <= self._quiet_s < THINK_AFTER_S + THINK_S and self._was_told
        self._thought += (float(thinks) - self._thought) * (0.12 if not speaking else 0.4)
        since_s = now_s - self._nod_began_s
        if hears:
            self._heard_s, self._quiet_s, self._was_told = self._heard_s + self._dt, 0.0, self._heard_s > 1.2
            fell = heard_level < _DIP * self._heard_peak
            self._heard_peak = max(heard_level, self._heard_peak * 0.97)
            if fell and self._heard_s > 2.0 and since_s > SMALL_NOD_REST_S and not speaking:
                self._nod_began_s, self._nod_share, self._heard_peak = now_s, SMALL_NOD, heard_level
            return
        self._quiet_s += self._dt
        if self._quiet_s >= PAUSE_S and self._heard_s > 1.2 and since_s > NOD_REST_S and not speaking:
            self._nod_began_s, self._nod_share, self._heard_s = now_s, 1.0, 0.0
        elif self._quiet_s > 2.0:
            self._heard_s = 0.0
        if speaking:
            self._was_told = False

    def _head(self, now_s: float, accent: float, gaze_xy: tuple[float, float] | None) -> tuple[float, float, float]:
        waves = [
            float(np.dot(_SINES, np.sin(2 * np.pi * stretch * now_s * np.array(_SINES_HZ) + phases)))
            for stretch, phases in zip(_AXIS_STRETCH, self._phases, strict=True)
        ]
        aside = gaze_xy or (0.0, 0.0)
        target = np.array(
            [
                YAW_RAD * waves[0] * (1 + 0.5 * self._slow) - 0.02 * aside[0],
                PITCH_RAD * waves[1] + SPEECH_NOD_RAD * accent + 0.01 * aside[1] + LEAN_RAD * self._lean,
                ROLL_RAD * waves[2] + 0.006 * accent + THINK_ROLL_RAD * self._thinks_to * self._thought,
            ]
        )
        self._turn = self._turn + (target - self._turn) * 0.22
        since_s = now_s - self._nod_began_s
        nod = 0.0
        if since_s < LISTEN_NOD_S:
            nod = (
                self._nod_share
                * LISTEN_NOD_RAD
                * math.exp(-1.5 * since_s)
                * max(0.0, math.sin(2 * math.pi * LISTEN_NOD_HZ * since_s))
            )
        return float(self._turn[0]), float(self._turn[1] + nod), float(self._turn[2])

    def _blink(self, now_s: float) -> float:
        step = int((now_s - self._blink_at_s) * 24 + 1e-6) if now_s >= self._blink_at_s else -1
        if step >= len(BLINK):
            self._blink_at_s = now_s + 2.2 + float(self._random.exponential(2.0))
        return BLINK[step] if 0 <= step < len(BLINK) else 0.0

    def _raised_brow(self, now_s: float, accent: float) -> float:
        if accent > 0.28 and now_s - self._brow_began_s > 1.6:
            self._brow_began_s = now_s
        phase = (now_s - self._brow_began_s) / 0.8
        wanted = 0.28 * math.sin(math.pi * phase) if 0 <= phase < 1 else 0.0
        self._brow += (wanted - self._brow) * 0.5
        return self._brow

    def _gaze(self, now_s: float, gaze_xy: tuple[float, float] | None) -> tuple[float, float]:
        """Small glances around where the face looks; in iris radii."""
        if now_s >= self._glance_at_s:
            self._glance_at_s = now_s + 0.5 + float(self._random.exponential(1.2))
            self._glance = np.clip(self._random.normal(size=2) * (0.10, 0.03), (-0.18, -0.06), (0.18, 0.06))
        aside = np.array(gaze_xy or (0.0, 0.0)) * (0.4, 0.12)
        if np.abs(aside - self._aside).max() > BLINK_WITH_GAZE and now_s - self._blink_at_s < -0.3:
            self._blink_at_s = now_s
        self._aside = aside
        aside = aside + np.array([self._thinks_to, 1.0]) * THINK_GAZE * self._thought
        self._eyes = self._eyes + (self._glance + aside - self._eyes) * 0.75
        return float(self._eyes[0]), float(self._eyes[1])
