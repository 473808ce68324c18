"""Which voice a name means: PROVIDER:VOICE, as in "espeak:en-us+f3". Providers are imported only when asked for."""

from __future__ import annotations

from typing import Any

from bot.voice.base import UnknownVoice, Voice

DEFAULT_VOICE = "espeak:en-us+f3"


def open_voice(name: str = DEFAULT_VOICE, **options: Any) -> Voice:
    """The voice called `name`; enter it before use. Raises UnknownVoice; entering may, too."""
    provider, _, voice = name.partition(":")
    if provider == "espeak":
        from bot.voice.espeak import EspeakVoice

        return EspeakVoice(voice or "en-us+f3", **options)
    if provider == "flite":
        from bot.voice.align import AlignedVoice
        from bot.voice.espeak import EspeakVoice
        from bot.voice.flite import FliteVoice

        return AlignedVoice(FliteVoice(voice or "slt", **options), EspeakVoice())
    raise UnknownVoice(f"no voice provider is called {provider!r}; there are: espeak, flite")
