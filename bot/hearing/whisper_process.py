"""faster-whisper behind a pipe: `python -m bot.hearing.whisper_process`. Requests as in pocketsphinx_process.py.

Stretches the network itself takes for silence or repetition are left out (Whisper invents text on noise).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bot.child import ParentPipe

NO_SPEECH = 0.6  # segments likelier than this to be no speech are dropped
MAX_COMPRESSION = 2.4  # text that repeats itself more than this was made up
MAX_STRETCH_BYTES = 2 * 16_000 * 60


def transcribe(model: Any, sound: bytes, hint: str) -> dict[str, Any]:
    pcm = np.frombuffer(sound, np.int16).astype(np.float32) / 32768.0
    segments, _ = model.transcribe(
        pcm, language="en", beam_size=1, word_timestamps=True, condition_on_previous_text=False, initial_prompt=hint
    )
    kept = [s for s in segments if s.no_speech_prob < NO_SPEECH and s.compression_ratio < MAX_COMPRESSION]
    words = [(w.start, w.end, w.word, w.probability) for s in kept for w in s.words or ()]
    confidence = sum(word[3] for word in words) / len(words) if words else 0.0
    return {"text": " ".join(s.text.strip() for s in kept), "words": words, "confidence": confidence}


def main() -> None:
    pipe = ParentPipe()
    model: Any = None
    hint = ""
    sounds: dict[str, bytearray] = {}
    while (frame := pipe.receive()) is not None:
        request, body = frame
        match request["do"]:
            case "load":
                from faster_whisper import WhisperModel

                hint = request["hint"]
                try:
                    model = WhisperModel(request["folder"], device="cpu", compute_type=request["compute_type"])
                except (RuntimeError, ValueError, OSError) as error:
                    pipe.answer({"id": request["id"], "error": str(error)})
                else:
                    pipe.answer({"id": request["id"]})
            case "start":
                sounds[request["stream"]] = bytearray()
            case "feed":
                kept = sounds.setdefault(request["stream"], bytearray())
                kept += body[: max(0, MAX_STRETCH_BYTES - len(kept))]
            case "finish":
                sound = bytes(sounds.pop(request["stream"], b""))
                pipe.answer({"id": request["id"], **transcribe(model, sound, hint)})


if __name__ == "__main__":
    main()
