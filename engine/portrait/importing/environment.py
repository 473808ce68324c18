"""The environment that finds faces: made on demand, pinned, used by a process that ends with its answer.

The bot never imports the face library: it wants another NumPy than ours and 150 MB of memory. Its last release whose
wheel carries the models is pinned; without its dependencies, of which most serve parts that are not used here.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.portrait.importing.errors import NoAnalyser
from engine.portrait.parent import be_told_of_its_end

PINNED = (
    "mediapipe==0.10.21",
    "numpy==1.26.4",
    "opencv-python-headless==4.11.0.86",
    "protobuf==4.25.8",
    "absl-py==2.1.0",
    "flatbuffers==25.2.10",
    "attrs==25.3.0",
    "matplotlib==3.10.3",
    "contourpy==1.3.2",
    "cycler==0.12.1",
    "fonttools==4.58.0",
    "kiwisolver==1.4.8",
    "packaging==25.0",
    "pillow==11.2.1",
    "pyparsing==3.2.3",
    "python-dateutil==2.9.0.post0",
    "six==1.17.0",
)
PYTHONS = ("python3.12", "python3.11")  # for which the pinned wheel was built
MAKE_TIMEOUT_S = 600.0
OURS = f"python3.{sys.version_info.minor}"
ANALYSE_TIMEOUT_S = 120.0
_SCRIPT = Path(__file__).with_name("analyser.py")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    faces: tuple[NDArray[np.float64], ...]  # landmarks, (478, 3), largest face first
    figure: NDArray[np.uint8]  # (height, width): how much of each pixel is a person


class Analyser:
    """Finds faces by a process in `folder`'s environment, which the first use makes. `ours`: the Python we are."""

    def __init__(self, folder: Path, *, tell: Callable[[str], None] = lambda _: None, ours: str = OURS) -> None:
        self._folder, self._tell = folder, tell
        self._fitting = (ours,) if ours in PYTHONS else PYTHONS  # the pinned wheel was built for

    def python(self) -> Path:
        """The environment's Python, made when it is not there. Raises NoAnalyser."""
        return self._ready()

    def analyse(self, picture: NDArray[np.uint8]) -> Found:
        """Faces and figure in a BGR picture; some seconds. Raises NoAnalyser."""
        import cv2

        python = self._ready()
        with ExitStack() as stack:  # files without names: no face stays behind, however we end
            given, faces_told, figure_told = files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
            given.write(cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())
            given.flush()
            numbers = [file.fileno() for file in files]
            words = [f"/dev/fd/{number}" for number in numbers]
            _run([str(python), "-I", str(_SCRIPT), *words], ANALYSE_TIMEOUT_S, numbers)
            figure = cv2.imdecode(np.frombuffer(figure_told.read(), np.uint8), cv2.IMREAD_GRAYSCALE)
            faces = json.loads(faces_told.read())
        return Found(faces=tuple(np.array(face, np.float64) for face in faces), figure=np.asarray(figure, np.uint8))

    def made(self) -> Path | None:
        """The environment's Python, where it is there already."""
        found = [environment_of(self._folder, version) / "bin" / "python" for version in self._fitting]
        return next((python for python in found if python.exists()), None)

    def _ready(self) -> Path:
        if (made := self.made()) is not None:
            return made
        self._tell("making the environment that finds faces (once, about 250 MB of wheels)")
        version, base = _base_python(self._fitting)
        folder = environment_of(self._folder, version)
        python = folder / "bin" / "python"
        shutil.rmtree(folder, ignore_errors=True)  # the Python it was made of may be gone
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}."))
        try:
            _run([base, "-m", "venv", str(part)], MAKE_TIMEOUT_S)
            pip = [str(part / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
            _run([*pip, "install", "--no-deps", "--only-binary", ":all:", *PINNED], MAKE_TIMEOUT_S)
            part.replace(folder)
        except OSError as error:
            if not python.exists():  # else another import made it meanwhile
                raise NoAnalyser(f"the environment that finds faces cannot be made: {error.strerror}") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return python


def environment_of(folder: Path, version: str) -> Path:
    """Where the one made with that Python is: wheels lie below its version, and another looks past them."""
    name = hashlib.sha256("\n".join((version, *PINNED)).encode()).hexdigest()[:12]
    return folder / f"faces-{name}"


def _base_python(fitting: tuple[str, ...]) -> tuple[str, str]:
    """The version, and where a Python of it is: ourselves, or one on PATH. Raises NoAnalyser."""
    for version in fitting:
        if path := sys.executable if version == OURS else shutil.which(version):
            return version, path
    raise NoAnalyser(f"finding faces needs {' or '.join(PYTHONS)}, and neither is here; or give a points file")


def _run(command: list[str], timeout_s: float, files: Sequence[int] = ()) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout_s, pass_fds=files,
            preexec_fn=partial(be_told_of_its_end, signal.SIGKILL),
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NoAnalyser(f"{Path(command[0]).name} took longer than {timeout_s:.0f} s") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise NoAnalyser(f"the environment that finds faces does not work: {last}")
