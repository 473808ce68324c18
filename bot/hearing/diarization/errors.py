"""Why a diarizer is not to be had, as errors to act on. All are DiarizerMissing."""

from __future__ import annotations

from bot.hearing.diarization.base import DiarizerMissing


class DiarizerPackagesMissing(DiarizerMissing):
    """pyannote.audio is not installed, or does not load: .venv/bin/pip install -c constraints.txt -e '.[hearing]'."""

    code = "diarizer_packages_missing"


class ModelFolderMissing(DiarizerMissing):
    """UNDERSTUDY_DIARIZATION_MODEL names a folder that is not there."""

    code = "diarization_model_missing"


class ModelLayoutWrong(DiarizerMissing):
    """The diarization model's folder lacks a part (segmentation/pytorch_model.bin, embedding/pytorch_model.bin), or one
    is no pyannote.audio 4 checkpoint for 16 kHz mono."""

    code = "diarization_model_wrong"


class ModelGated(DiarizerMissing):
    """The model on huggingface.co is given only to accounts that accepted its terms: accept them on its page, and give
    the account's token as HF_TOKEN or by `hf auth login`. Or set a local folder as the model."""

    code = "diarization_model_gated"


class ModelNotFetched(DiarizerMissing):
    """The model could not be fetched from huggingface.co and is not in its cache here."""

    code = "diarization_model_not_fetched"
    retryable = True


PROBLEMS: dict[str, type[DiarizerMissing]] = {
    kind.code: kind
    for kind in (DiarizerPackagesMissing, ModelFolderMissing, ModelLayoutWrong, ModelGated, ModelNotFetched)
}
