"""What is not there for a diarizer is told as an error of its own kind, and no token with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot.hearing.diarization.errors import DiarizerPackagesMissing, ModelFolderMissing, ModelGated, ModelLayoutWrong
from bot.hearing.diarization.model_place import CHECKPOINT, PARTS, model_place
from bot.hearing.diarization.pyannote_diarizer import PyannoteDiarizer
from bot.hearing.diarization.pyannote_voices import import_pyannote, load_voices, refusal
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


def test_an_answer_of_the_hub_is_told_by_what_can_be_done() -> None:
    assert [type(refusal("a/b", status)) for status in (401, 403)] == [ModelGated, ModelGated]
    assert [refusal("a/b", status).retryable for status in (0, 404, 503)] == [True, True, True]


@pytest.mark.slow
@pytest.mark.parallel
@needs_pyannote
def test_a_file_that_is_no_checkpoint_is_told_as_such(tmp_path: Path) -> None:
    for part in PARTS:
        (tmp_path / part).mkdir()
        (tmp_path / part / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(ModelLayoutWrong, match="segmentation"):
        load_voices(str(tmp_path))


@pytest.mark.slow
@pytest.mark.parallel
@needs_pyannote
def test_an_import_without_the_switch_against_reporting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYANNOTE_METRICS_ENABLED", "1")
    with pytest.raises(DiarizerPackagesMissing, match="would report to its maker"):
        import_pyannote()


class Hub(BaseHTTPRequestHandler):
    """A hub that answers as huggingface.co does to an account that has not accepted a model's terms."""

    def do_HEAD(self) -> None:
        self.send_response(403)
        self.send_header("X-Error-Code", "GatedRepo")
        self.send_header("X-Error-Message", f"{self.headers.get('Authorization')} is not in the list")
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
@pytest.mark.parallel
@needs_pyannote
@pytest.mark.timeout(600)
async def test_what_the_hub_refuses_is_told_without_the_token(hub: None, capfd: pytest.CaptureFixture[str]) -> None:
    diarizer = PyannoteDiarizer("some/gated")
    with pytest.raises(ModelGated, match="some/gated") as caught:
        async with diarizer:
            pass
    assert diarizer.pid is None
    assert TOKEN not in str(caught.value) and TOKEN not in "".join(capfd.readouterr())
