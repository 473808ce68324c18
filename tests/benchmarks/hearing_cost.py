"""What hearing costs: one stream's voice detector and echo removal, as CPU time of 20 ms of sound. Last line: JSON.

`core_percent` is the share of one core one stream takes while it is alive (of the detector: speech and silence alike;
digital silence, which most streams mostly send, costs it next to nothing). `echo` also tells what it is good for: our
own voice through Opus alone (`own_voice`: starts of speech heard in it, none are wanted), and four people talking over
it at its level (`talked_over`: the share heard, and how long after their onset that is decided). CPU time is of the
thread that works: other load on the machine matters little, slower clocks do.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

import numpy as np

from bot.hearing.base import RATE_HZ, EchoRemoval, Pcm
from bot.hearing.registry import open_echo_removal
from bot.hearing.vad import WINDOW, GateSettings, SpeechGate, SpeechProbability, load_model
from tests.benchmarks._report import percentiles, report
from tests.bot.hearing import echoes

CHUNK_S = echoes.CHUNK / RATE_HZ
PATHS = ((50, 0.0), (120, 0.0), (300, 0.0), (500, 0.0), (300, -6.0), (300, -12.0))  # delay in ms, gain in dB


def share(times_s: list[float], of_s: float) -> dict[str, float]:
    """CPU times of one step of `of_s` seconds of sound."""
    found = percentiles([1000 * one for one in times_s])
    return {
        "median_ms": float(found["p50"]),
        "p95_ms": float(found["p95"]),
        "core_percent": round(100 * float(np.mean(times_s)) / of_s, 2),
    }


def vad_cost(speech: Pcm) -> dict[str, float]:
    """The network and the gate, a window of 32 ms at a time."""
    probability, gate, times_s = SpeechProbability(load_model()), SpeechGate(GateSettings()), []
    for at in range(0, len(speech) // WINDOW * WINDOW, WINDOW):
        window = speech[at : at + WINDOW]
        began_s = time.thread_time()
        gate.add(window, probability.of(window))
        times_s.append(time.thread_time() - began_s)
    return share(times_s[10:], WINDOW / RATE_HZ)


class Timed:
    """Echo removal, and what each call to it took."""

    def __init__(self, echo: EchoRemoval) -> None:
        self._echo = echo
        self.times_s: list[float] = []

    def played(self, start_sample: int, pcm: Pcm) -> None:
        self._echo.played(start_sample, pcm)

    def clean(self, stream: str, start_sample: int, pcm: Pcm) -> Pcm:
        began_s = time.thread_time()
        found = self._echo.clean(stream, start_sample, pcm)
        self.times_s.append(time.thread_time() - began_s)
        return found


def echo_cost(own: Pcm, back: Pcm) -> dict[str, Any]:
    others = echoes.as_pcm(echoes.delayed(back, 300, 0, len(own)))
    silence = np.zeros_like(own)
    costs = {}
    for name, mix, played in (("echo", others, own), ("no_echo", np.roll(others, len(own) // 2), own),
                              ("we_are_silent", others, silence)):  # fmt: skip
        timed = Timed(open_echo_removal())
        echoes.cleaned(timed, mix, played)
        costs[name] = share(timed.times_s, CHUNK_S)
    return costs


def heard_beside(own: Pcm, back: Pcm) -> dict[str, Any]:
    alone, over = {}, {}
    people = echoes.others_speech()
    for delay_ms, gain_db in PATHS:
        name = f"{delay_ms} ms {gain_db:g} dB"
        mix = echoes.delayed(back, delay_ms, gain_db, len(own))
        cleaned = echoes.cleaned(open_echo_removal(), echoes.as_pcm(mix), own)
        alone[name] = len(asyncio.run(echoes.speech_heard(cleaned)))
        where = echoes.talk_over(mix, people, level_of=own, first_s=8.0)
        cleaned = echoes.cleaned(open_echo_removal(), echoes.as_pcm(mix), own)
        onsets = echoes.onsets_ms(where, asyncio.run(echoes.speech_heard(cleaned)))
        heard = [one for one in onsets if one is not None]
        over[name] = {"people": len(onsets), "heard": len(heard), "onset_ms": percentiles(heard, digits=0)}
    return {"own_voice": alone, "talked_over": over}


def figures(seconds: float) -> dict[str, Any]:
    own48 = echoes.own_speech(seconds)
    own, back = echoes.at_16_khz(own48), echoes.through_opus(own48)
    return {"vad": vad_cost(back), "echo": {"cost": echo_cost(own, back), **heard_beside(own, back)}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="of our own voice")
    chosen = parser.parse_args()
    report("hearing_cost", {"seconds": chosen.seconds, "opus": "24k"}, figures(chosen.seconds))


if __name__ == "__main__":
    main()
