"""Parts started by hand: what keeps them from starting is one line, not a traceback."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bot import cli


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_HOME", str(tmp_path))


def test_an_api_whose_port_is_taken_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("UNDERSTUDY_API_PORT", str(taken.getsockname()[1]))
        assert cli.main(["api"]) == 1
    assert "(address_in_use)" in capsys.readouterr().err


def test_a_dispatcher_without_tables_says_what_makes_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dispatcher"]) == 1
    complaint = capsys.readouterr().err
    assert "(database_not_ready)" in complaint and "db upgrade" in complaint
