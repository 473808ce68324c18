"""espeak-ng behind a pipe: `python -m bot.voice.espeak_process`. Text in, sound and exact phoneme times out.

The library is GPL-3, so it is loaded here and nowhere else: this process and the product exchange frames (bot/child.py)
and share no memory. Requests are `say` (text, voice, rate, pitch) and `pronounce` (words, voice); positions are samples
at the rate of the answer, 22050 Hz. Source of the structures and constants: espeak-ng/speak_lib.h, 1.51.
"""

from __future__ import annotations

import ctypes
from typing import Any

from bot.child import ParentPipe
from bot.voice.text import c_bytes

LIBRARY = "libespeak-ng.so.1"
SYNCHRONOUS_RETRIEVAL = 2  # AUDIO_OUTPUT_RETRIEVAL is 1 and asynchronous; 2 returns when the text is spoken
PHONEME_EVENTS, PHONEME_IPA = 0x0001, 0x0002
EVENT_END, EVENT_WORD, EVENT_PHONEME = 0, 1, 7
CHARS_UTF8, SSML_OFF, END_PAUSE = 0x1, 0x0, 0x1000
PARAMETER_RATE, PARAMETER_VOLUME, PARAMETER_PITCH, PARAMETER_RANGE = 1, 2, 3, 4
POSITION_CHARACTER = 1
IPA_PHONEMES = 0x02  # of espeak_TextToPhonemes
EE_OK = 0


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # 1 is the first character
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Synthesiser:
    """The library's one global state."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(LIBRARY)
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.rate_hz: int = self._library.espeak_Initialize(
            SYNCHRONOUS_RETRIEVAL, 0, None, PHONEME_EVENTS | PHONEME_IPA
        )
        if self.rate_hz <= 0:
            raise OSError("espeak-ng finds no voice data")
        self._sound: list[bytes] = []
        self._phonemes: list[tuple[int, str]] = []
        self._words: list[tuple[int, int, int]] = []
        self._callback = _Callback(self._take)  # kept: the library holds only the pointer
        self._library.espeak_SetSynthCallback(self._callback)

    def set_voice(self, voice: str) -> bool:
        return bool(self._library.espeak_SetVoiceByName(voice.encode()) == EE_OK)

    def say(self, text: str, *, rate: int, pitch: int, pitch_range: int, volume: int) -> tuple[dict[str, Any], bytes]:
        for parameter, value in (
            (PARAMETER_RATE, rate),
            (PARAMETER_PITCH, pitch),
            (PARAMETER_RANGE, pitch_range),
            (PARAMETER_VOLUME, volume),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._sound, self._phonemes, self._words = [], [], []
        data = c_bytes(text)
        flags = CHARS_UTF8 | SSML_OFF | END_PAUSE
        self._library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, POSITION_CHARACTER, 0, flags, None, None)
        self._library.espeak_Synchronize()
        return {"rate_hz": self.rate_hz, "phonemes": self._phonemes, "words": self._words}, b"".join(self._sound)

    def pronounce(self, word: str) -> str:
        """IPA of one written word."""
        source = ctypes.c_char_p(c_bytes(word))
        said = self._library.espeak_TextToPhonemes(ctypes.byref(source), CHARS_UTF8, IPA_PHONEMES)
        return (said or b"").decode("utf-8", "ignore").strip()

    def _take(self, sound: Any, samples: int, events: Any) -> int:
        if samples > 0:
            self._sound.append(ctypes.string_at(sound, samples * 2))
        index = 0
        while events[index].type != EVENT_END:
            event = events[index]
            if event.type == EVENT_PHONEME:
                self._phonemes.append((event.sample, event.id.string.decode("utf-8", "ignore")))
            elif event.type == EVENT_WORD:
                self._words.append((event.sample, event.text_position - 1, event.length))
            index += 1
        return 0


def main() -> None:
    pipe = ParentPipe()
    synthesiser = Synthesiser()
    while (frame := pipe.receive()) is not None:
        request, _ = frame
        if not synthesiser.set_voice(request["voice"]):
            pipe.answer({"id": request["id"], "error": "unknown_voice"})
        elif request["do"] == "say":
            style = {name: request[name] for name in ("rate", "pitch", "pitch_range", "volume")}
            answer, sound = synthesiser.say(request["text"], **style)
            pipe.answer({"id": request["id"], **answer}, sound)
        else:
            said = {word: synthesiser.pronounce(word) for word in request["words"]}
            pipe.answer({"id": request["id"], "ipa": said})


if __name__ == "__main__":
    main()
