"""A diarization model that knows nothing: `python -m bot.hearing.diarization.random_model FOLDER`.

The real classes with seeded random weights, in a folder laid out as pyannote/speaker-diarization-community-1 is. It
shows that everything around the weights works, and how much it costs; whose voice it says it hears means nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from bot.hearing.base import RATE_HZ
from bot.hearing.diarization.model_place import CHECKPOINT
from bot.hearing.diarization.pyannote_voices import import_pyannote

CONFIG = """\
dependencies: {pyannote.audio: 4.0.0}
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: VBxClustering
    segmentation: $model/segmentation
    segmentation_batch_size: 1
    embedding: $model/embedding
    embedding_batch_size: 1
    embedding_exclude_overlap: true
    plda: $model/plda
params:
  clustering: {threshold: 0.6, Fa: 0.07, Fb: 0.8}
  segmentation: {min_duration_off: 0.0}
"""


def make_random_model(folder: Path, *, seed: int = 0) -> None:
    """Raises DiarizerPackagesMissing."""
    import_pyannote()
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _save(_segmentation(), folder / "segmentation")
        _save(_embedding(), folder / "embedding")
    (folder / "config.yaml").write_text(CONFIG)
    _save_plda(folder / "plda", seed)


def random_segmentation(*, seed: int = 0) -> Any:
    """Raises DiarizerPackagesMissing."""
    import_pyannote()
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _segmentation()


def _segmentation() -> Any:
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.segmentation import PyanNet

    model = PyanNet(sincnet={"stride": 10}, lstm={"num_layers": 4, "hidden_size": 128, "bidirectional": True})
    model.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=10.0,
        classes=["speaker#1", "speaker#2", "speaker#3"],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    model.build()
    model.eval()
    with torch.no_grad():  # untrained, one class always wins: centre them, so that what is heard decides
        before = _before_classifier(model, _babble())
        classifier = model.classifier
        scores = before @ classifier.weight.T
        classifier.weight /= scores.std(dim=0, keepdim=True).T + 1e-9
        classifier.bias.copy_(-(before @ classifier.weight.T).mean(dim=0))
    return model


def _before_classifier(model: Any, waveform: Any) -> Any:
    """What the classifier is given, frames x features."""
    seen: list[Any] = []
    hook = model.classifier.register_forward_pre_hook(lambda _module, given: seen.append(given[0][0]))
    model(waveform)
    hook.remove()
    return seen[0]


def _babble() -> Any:
    """10 s of noise that comes and goes as speech does."""
    import torch

    t = torch.arange(10 * RATE_HZ) / RATE_HZ
    loudness = torch.clamp(torch.sin(2 * torch.pi * 0.4 * t) + 0.5 * torch.sin(2 * torch.pi * 3.1 * t), 0.0)
    return (0.2 * loudness * torch.randn(len(t)))[None, None]


def _embedding() -> Any:
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import WeSpeakerResNet34

    model = WeSpeakerResNet34()
    model.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0, classes=["speaker"]
    )
    model.build()
    return model.eval()


def _save(model: Any, folder: Path) -> None:
    import pyannote.audio
    import pytorch_lightning
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    kind = type(model)
    checkpoint = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": pytorch_lightning.__version__,
        "pyannote.audio": {
            "versions": {"torch": torch.__version__, "pyannote.audio": pyannote.audio.__version__},
            "architecture": {"module": kind.__module__, "class": kind.__name__},
            "specifications": model.specifications,
        },
    }
    torch.save(checkpoint, folder / CHECKPOINT)


def _save_plda(folder: Path, seed: int) -> None:
    """For pyannote's own pipeline; the live diarizer has no use for it."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    lda = np.linalg.qr(random.normal(size=(256, 128)))[0]
    np.savez(folder / "xvec_transform.npz", mean1=np.zeros(256), mean2=np.zeros(128), lda=lda)
    psi = np.sort(random.uniform(0.5, 2.0, 128))[::-1]
    np.savez(folder / "plda.npz", mu=np.zeros(128), tr=np.eye(128), psi=psi)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    make_random_model(parser.parse_args().folder)


if __name__ == "__main__":
    main()
