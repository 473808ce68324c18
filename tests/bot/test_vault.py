"""Sealed secrets: opened only with a key of the file and only where they belong, while keys come and go."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from bot.config import Settings
from bot.vault import BadKeyFile, SecretUnreadable, Vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.of(Settings(home=tmp_path))


def test_a_secret_comes_back_and_is_nowhere_in_what_is_kept(vault: Vault) -> None:
    sealed = vault.seal("whsec_abc", place="row 1")
    assert vault.open(sealed, place="row 1") == "whsec_abc"
    assert "whsec" not in sealed and sealed != vault.seal("whsec_abc", place="row 1")
    assert stat.S_IMODE(vault.file.stat().st_mode) == 0o600


def test_what_is_moved_to_another_row_opens_no_more(vault: Vault) -> None:
    sealed = vault.seal("whsec_abc", place="row 1")
    with pytest.raises(SecretUnreadable):
        vault.open(sealed, place="row 2")
    for broken in ("", sealed[:-4] + "AAAA", "x"):
        with pytest.raises(SecretUnreadable):
            vault.open(broken, place="row 1")


def test_keys_change_under_a_running_process_without_a_failed_read(vault: Vault) -> None:
    running = Vault(vault.file)
    first = running.seal("one", place="row")
    vault.add_key()
    second = vault.seal("two", place="row")
    assert (running.open(first, place="row"), running.open(second, place="row")) == ("one", "two")
    resealed = vault.reseal(first)
    assert vault.retire_keys() == 1
    assert [running.open(sealed, place="row") for sealed in (resealed, second)] == ["one", "two"]
    assert vault.open(first, place="row") == "one", "who retires keys can still reseal what came meanwhile"
    with pytest.raises(SecretUnreadable):
        running.open(first, place="row")


def test_processes_that_begin_together_use_one_key(tmp_path: Path) -> None:
    vaults = [Vault(tmp_path / "folder/keys") for _ in range(2)]
    start = threading.Barrier(2)
    sealed: dict[int, str] = {}

    def begin(number: int) -> None:
        start.wait(10)
        sealed[number] = vaults[number].seal("x", place="row")

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [vaults[0].open(one, place="row") for one in sealed.values()] == ["x", "x"]


def test_a_file_without_usable_keys_is_told_without_showing_it(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    for text in ("", "c2hvcnQ=\n", "not a key\n", "ä" * 44):
        file.write_text(text)
        with pytest.raises(BadKeyFile) as refused:
            Vault(file).seal("x", place="row")
        assert text == "" or text.strip() not in str(refused.value)
    with pytest.raises(BadKeyFile):
        Vault(tmp_path / "keys" / "below").seal("x", place="row")
