"""Which recogniser this installation uses: faster-whisper where its weights are, else the embedded one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bot.hearing.base import Recogniser
from bot.hearing.pocketsphinx_recogniser import Pronounce


def open_recogniser(
    *,
    whisper_model: str = "",
    texts: Sequence[str] = (),
    names: Sequence[str] = (),
    cache: Path,
    pronounce: Pronounce | None = None,
) -> Recogniser:
    """`whisper_model` is Settings.whisper_model. Entering the recogniser raises HearingError when a part is missing."""
    if whisper_model:
        from bot.hearing.whisper_recogniser import WhisperRecogniser

        return WhisperRecogniser(Path(whisper_model), hint=" ".join(names))
    from bot.hearing.pocketsphinx_recogniser import PocketsphinxRecogniser

    return PocketsphinxRecogniser(texts=texts, names=names, cache=cache, pronounce=pronounce)
