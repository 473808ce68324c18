"""pocketsphinx behind a pipe: `python -m bot.hearing.pocketsphinx_process`. Sound in as it comes, words out at the end.

Its decoder holds the interpreter lock and needs up to a core, so it works here. Requests (bot/child.py): `load` with a
folder of language_model.py, then per stream `start`, `feed` (body: s16 mono 16 kHz), `partial` and `finish` (both
answered). A few decoders are shared by all streams: one is held from `start` to `finish`; a stream that finds none free
is kept as sound and decoded at its end.
"""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bot.child import ParentPipe

RATE_HZ = 16_000
FRAMES_PER_S = 100
MAX_DECODERS = 3
MAX_STRETCH_BYTES = 2 * RATE_HZ * 60
SPEECH_RMS = 3000.0  # what speech is scaled to: the model's cepstral mean was set at about this level
LEVEL_SAMPLES = RATE_HZ * 6 // 10  # heard before the scale is fixed
MAX_GAIN = 12.0
MAX_READINGS = 9  # beside the best one
MAX_PATHS = 300  # looked at for them
FIRST_CMN = "41.00,-5.29,-0.12,5.09,2.48,-4.07,-1.37,-1.78,-5.08,-2.05,-6.45,-1.42,1.17"

Word = tuple[int, int, str, float]  # first frame, last frame, word, confidence


class Stretch:
    """One stream's stretch of speech: held back until its level is known, then decoded as it comes."""

    def __init__(self, decoder: Any, cmn: str) -> None:
        self.decoder = decoder
        self._gain: float | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        if decoder is not None:
            decoder.set_cmn(cmn)
            decoder.start_utt()

    def feed(self, sound: bytes) -> None:
        if self._gain is not None and self.decoder is not None:
            self._decode(sound)
        elif self._held_bytes < MAX_STRETCH_BYTES:
            self._held.append(sound)
            self._held_bytes += len(sound)
            if self._held_bytes >= 2 * LEVEL_SAMPLES and self.decoder is not None:
                self._release()

    def finish(self, decoder: Any, cmn: str) -> tuple[list[Word], list[str]]:
        """The words, and other readings of the stretch, likelier ones first."""
        if self.decoder is None:
            self.decoder = decoder
            decoder.set_cmn(cmn)
            decoder.start_utt()
        if self._gain is None:
            self._release()
        self.decoder.end_utt()
        logmath = self.decoder.logmath
        words = [
            (word.start_frame, word.end_frame, word.word, min(1.0, logmath.exp(word.prob)))
            for word in self.decoder.seg() or ()
        ]
        return words, self._readings()

    def so_far(self) -> str:
        """The best guess at what was decoded until now. Cheap: the search keeps it."""
        if self._gain is None or self.decoder is None:
            return ""
        best = self.decoder.hyp()
        return _text(best.hypstr) if best else ""

    def _readings(self) -> list[str]:
        """Distinct texts of the lattice's best paths but the first; many differ in pronunciation or silence only."""
        best = self.decoder.hyp()
        seen = [_text(best.hypstr)] if best else [""]
        for path in islice(self.decoder.nbest() or (), MAX_PATHS):
            if path is None or len(seen) > MAX_READINGS:
                break
            text = _text(path.hypstr)
            if text not in seen:
                seen.append(text)
        return seen[1:]

    def _release(self) -> None:
        sound = b"".join(self._held)
        pcm = np.frombuffer(sound, np.int16).astype(np.float32)
        frames = pcm[: len(pcm) // 320 * 320].reshape(-1, 320)
        levels = np.sort(np.sqrt((frames**2).mean(axis=1))) if len(frames) else np.ones(1)
        loud = float(np.sqrt((levels[len(levels) // 2 :] ** 2).mean()))  # half is pre-roll, the rest is voice
        self._gain = min(MAX_GAIN, SPEECH_RMS / max(loud, 1.0))
        self._held = []
        if sound:  # the decoder takes no empty piece
            self._decode(sound)

    def _decode(self, sound: bytes) -> None:
        pcm = np.frombuffer(sound, np.int16).astype(np.float32) * (self._gain or 1.0)
        self.decoder.process_raw(np.clip(pcm, -32768, 32767).astype(np.int16).tobytes())


def _text(path: str) -> str:
    """A path's words without fillers and without the numbers of pronunciations."""
    return " ".join(word.split("(")[0] for word in path.split() if word[0] not in "<[")


class Decoders:
    def __init__(self, folder: Path, options: dict[str, Any]) -> None:
        self._folder, self._options = folder, options
        self._free = [self._make()]
        self._made = 1
        self._stretches: dict[str, Stretch] = {}
        self._cmn: dict[str, str] = {}  # each stream has its own room and microphone

    def start(self, stream: str) -> None:
        self.drop(stream)
        if not self._free and self._made < MAX_DECODERS:
            self._free.append(self._make())
            self._made += 1
        decoder = self._free.pop() if self._free else None
        self._stretches[stream] = Stretch(decoder, self._cmn.get(stream, FIRST_CMN))

    def feed(self, stream: str, sound: bytes) -> None:
        if stream in self._stretches:
            self._stretches[stream].feed(sound)

    def finish(self, stream: str) -> tuple[list[Word], list[str]]:
        stretch = self._stretches.pop(stream, None)
        if stretch is None:
            return [], []
        spare = None
        if stretch.decoder is None:
            spare = self._free.pop() if self._free else self._make()
        found = stretch.finish(spare, self._cmn.get(stream, FIRST_CMN))
        self._free.append(stretch.decoder)
        self._cmn[stream] = stretch.decoder.get_cmn(True)  # with this stretch in the running mean
        return found

    def partial(self, stream: str) -> str:
        return self._stretches[stream].so_far() if stream in self._stretches else ""

    def drop(self, stream: str) -> None:
        stretch = self._stretches.pop(stream, None)
        if stretch is not None and stretch.decoder is not None:
            stretch.decoder.end_utt()
            self._free.append(stretch.decoder)

    def _make(self) -> Any:
        from pocketsphinx import Decoder, get_model_path

        return Decoder(
            hmm=get_model_path("en-us/en-us"),
            lm=str(self._folder / "model.arpa"),
            dict=str(self._folder / "words.dict"),
            loglevel="ERROR",
            **self._options,
        )


def main() -> None:
    pipe = ParentPipe()
    decoders: Decoders | None = None
    while (frame := pipe.receive()) is not None:
        request, body = frame
        match request["do"]:
            case "build":
                from bot.hearing.language_model import build

                build(Path(request["folder"]), request["texts"], request["names"], request["ipa"])
                pipe.answer({"id": request["id"]})
            case "load":
                decoders = Decoders(Path(request["folder"]), request["options"])
                pipe.answer({"id": request["id"]})
            case "start" if decoders:
                decoders.start(request["stream"])
            case "feed" if decoders:
                decoders.feed(request["stream"], body)
            case "partial" if decoders:
                pipe.answer({"id": request["id"], "text": decoders.partial(request["stream"])})
            case "finish" if decoders:
                words, others = decoders.finish(request["stream"])
                heard = [word for word in words if not math.isnan(word[3])]
                pipe.answer({"id": request["id"], "words": heard, "alternatives": others})


if __name__ == "__main__":
    main()
