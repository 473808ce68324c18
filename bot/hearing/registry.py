"""Which recogniser this installation uses (faster-whisper where its weights are, else the embedded one), which
diarizer, and which echo removal: WebRTC's canceller where the extra `echo` is installed, else a gate alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bot.hearing.base import EchoRemoval, Recogniser
from bot.hearing.diarization.base import Diarizer
from bot.hearing.pocketsphinx_recogniser import Pronounce


def open_recogniser(
    *,
    whisper_model: str = "",
    texts: Sequence[str] = (),
    names: Sequence[str] = (),
    cache: Path,
    pronounce: Pronounce | None = None,
) -> Recogniser:
    """faster-whisper where its weights are, else the embedded one. `whisper_model` is Settings.whisper_model. Entering
    the recogniser raises HearingError when a part is missing."""
    if whisper_model:
        from bot.hearing.whisper_recogniser import WhisperRecogniser

        return WhisperRecogniser(Path(whisper_model), hint=" ".join(names))
    from bot.hearing.pocketsphinx_recogniser import PocketsphinxRecogniser

    return PocketsphinxRecogniser(texts=texts, names=names, cache=cache, pronounce=pronounce)


def open_diarizer(*, diarization_model: str = "") -> Diarizer | None:
    """`diarization_model` is Settings.diarization_model; None where it is not set. Entering the diarizer takes seconds
    and raises DiarizerMissing, HearingError."""
    if not diarization_model:
        return None
    from bot.hearing.diarization.pyannote_diarizer import PyannoteDiarizer

    return PyannoteDiarizer(diarization_model)


def open_echo_removal() -> EchoRemoval:
    """Loads the canceller's library, a quarter of a second: call it in a thread."""
    from bot.hearing import webrtc
    from bot.hearing.echo import WITHOUT_CANCELLER, EchoRemover, NoCanceller

    if not webrtc.installed():
        return EchoRemover(NoCanceller, WITHOUT_CANCELLER)
    webrtc.load()
    return EchoRemover(webrtc.WebRtcCanceller)
