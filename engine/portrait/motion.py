"""What a face does by itself: head, blinks, gaze, breath, nods. Depends on the seed, the frames so far and their input.

Slow incommensurate sines make the idle head, so it never repeats; events (blinks, glances) are drawn from the seed.
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
        self._nod_began_s = -9.0

    def step(self, *, speech_level: float, heard_level: float, gaze_xy: tuple[float, float] | None) -> Pose:
        """Levels are rms in -1..1 of this frame's own speech and of what the others say now; gaze x to the picture's
        right, y down."""
        now_s = self._frame * self._dt
        self._frame += 1
        loud = min(1.0, speech_level / 0.12)
        self._envelope += (loud - self._envelope) * 0.35
        self._slow += (loud - self._slow) * 0.04
        accent = self._envelope - self._slow
        self._listen(heard_level, speaking=self._slow > 0.05, now_s=now_s)
        return Pose(
            turn_rad=self._head(now_s, accent, gaze_xy),
            blink=self._blink(now_s),
            brow=self._raised_brow(now_s, accent),
            gaze_xy=self._gaze(now_s, gaze_xy),
            breath=math.sin(2 * math.pi * BREATH_HZ * now_s),
        )

    def _listen(self, heard_level: float, *, speaking: bool, now_s: float) -> None:
        """Nod when the others pause after they spoke for a while."""
        if heard_level > _HEARD_LEVEL:
            self._heard_s, self._quiet_s = self._heard_s + self._dt, 0.0
            return
        self._quiet_s += self._dt
        rested = now_s - self._nod_began_s > NOD_REST_S
        if self._quiet_s >= PAUSE_S and self._heard_s > 1.2 and rested and not speaking:
            self._nod_began_s, self._heard_s = now_s, 0.0
        elif self._quiet_s > 2.0:
            self._heard_s = 0.0

    def _head(self, now_s: float, accent: float, gaze_xy: tuple[float, float] | None) -> tuple[float, float, float]:
        waves = [
            float(np.dot(_SINES, np.sin(2 * np.pi * stretch * now_s * np.array(_SINES_HZ) + phases)))
            for stretch, phases in zip(_AXIS_STRETCH, self._phases, strict=True)
        ]
        aside = gaze_xy or (0.0, 0.0)
        target = np.array(
            [
                YAW_RAD * waves[0] * (1 + 0.5 * self._slow) - 0.02 * aside[0],
                PITCH_RAD * waves[1] + SPEECH_NOD_RAD * accent + 0.01 * aside[1],
                ROLL_RAD * waves[2] + 0.006 * accent,
            ]
        )
        self._turn = self._turn + (target - self._turn) * 0.22
        since_s = now_s - self._nod_began_s
        nod = 0.0
        if since_s < LISTEN_NOD_S:
            nod = LISTEN_NOD_RAD * math.exp(-1.5 * since_s) * max(0.0, math.sin(2 * math.pi * LISTEN_NOD_HZ * since_s))
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
        self._eyes = self._eyes + (self._glance + aside - self._eyes) * 0.75
        return float(self._eyes[0]), float(self._eyes[1])
