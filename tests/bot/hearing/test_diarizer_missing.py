"""What is not there for a diarizer is told as an error of its own kind, and no token with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot.hearing.diarization.errors import ModelFolderMissing, ModelGated, ModelLayoutWrong, ModelNotFetched
from bot.hearing.diarization.model_place import CHECKPOINT, PARTS, model_place
from bot.hearing.diarization.pyannote_diarizer import PyannoteDiarizer
from bot.hearing.registry import open_diarizer
from tests.bot.hearing.pyannote_parts import needs_pyannote

TOKEN = "hf_averysecretaccount"


def test_without_a_model_there_is_no_diarizer() -> None:
    assert open_diarizer(diarization_model="") is None
    assert isinstance(open_diarizer(diarization_model="a/b"), PyannoteDiarizer)


async def test_a_folder_that_is_not_there_is_told_before_anything_starts() -> None:
    with pytest.raises(ModelFolderMissing, match="nonexistent"):
        async with PyannoteDiarizer("/nonexistent/model"):
            pass


async def test_a_folder_that_lacks_a_part_is_told_with_the_part(tmp_path: Path) -> None:
    (tmp_path / "segmentation").mkdir()
    (tmp_path / "segmentation" / CHECKPOINT).touch()
    with pytest.raises(ModelLayoutWrong, match=f"lacks embedding/{CHECKPOINT}"):
        async with PyannoteDiarizer(str(tmp_path)):
            pass


def test_a_name_on_the_hub_is_no_folder() -> None:
    assert not model_place("pyannote/speaker-diarization-community-1").is_folder
    with pytest.raises(ModelFolderMissing):
        model_place("pyannote")


@pytest.mark.slow
@needs_pyannote
@pytest.mark.timeout(400)
async def test_a_file_that_is_no_checkpoint_is_told_as_such(tmp_path: Path) -> None:
    for part in PARTS:
        (tmp_path / part).mkdir()
        (tmp_path / part / CHECKPOINT).write_bytes(b"not a checkpoint")
    diarizer = PyannoteDiarizer(str(tmp_path))
    with pytest.raises(ModelLayoutWrong, match="segmentation"):
        async with diarizer:
            pass
    assert diarizer.pid is None


class Hub(BaseHTTPRequestHandler):
    """A hub that answers as huggingface.co does to an account that has not accepted a model's terms."""

    def do_HEAD(self) -> None:
        gated = "gated" in self.path
        self.send_response(403 if gated else 503)
        if gated:
            self.send_header("X-Error-Code", "GatedRepo")
            self.send_header("X-Error-Message", f"token {self.headers.get('Authorization')} is not in the list")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@needs_pyannote
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("name", "kind"), [("some/gated", ModelGated), ("some/lost", ModelNotFetched)])
async def test_what_the_hub_refuses_is_told_without_the_token(
    hub: None, name: str, kind: type[Exception], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(kind, match=name) as caught:
        async with PyannoteDiarizer(name):
            pass
    assert TOKEN not in str(caught.value) and TOKEN not in "".join(capfd.readouterr())
