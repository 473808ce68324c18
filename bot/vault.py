"""Secrets that must be read again (a webhook's signing secret), sealed for the database: Fernet, with keys that change.

    vault = Vault.of(settings)
    sealed = vault.seal("whsec_...", place="webhook_endpoints.secret:ID")
    vault.open(sealed, place="webhook_endpoints.secret:ID")

The keys are lines of a file that only its owner reads: the first seals, each opens. It is made when it is first needed,
and looked at again whenever it has changed, so a key added by one process is known to the others at once. What is
sealed names its place: moved to another row it opens no more. Knows no database.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bot.config import Settings
from bot.errors import BotError
from bot.log import get_log

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

log = get_log(__name__)

KEY_FILE = "secret-keys"
MOST_KEYS = 20


class SecretUnreadable(BotError):
    """A secret in the database was sealed with a key that is not in the key file (UNDERSTUDY_SECRET_KEYS)."""

    code = "secret_unreadable"


class BadKeyFile(BotError):
    """The key file (UNDERSTUDY_SECRET_KEYS) cannot be used: it holds keys of 32 bytes in base64, one a line."""

    code = "bad_key_file"


class Vault:
    def __init__(self, file: Path) -> None:
        self.file = file
        self._seen: tuple[int, ...] = ()
        self._fernet: MultiFernet | None = None

    @classmethod
    def of(cls, settings: Settings) -> Vault:
        """The vault of this installation."""
        return cls(Path(settings.secret_keys) if settings.secret_keys else settings.home / KEY_FILE)

    def seal(self, secret: str, *, place: str) -> str:
        """Text for the database. Raises BadKeyFile."""
        return self._keys().encrypt(json.dumps([place, secret]).encode()).decode()

    def open(self, sealed: str, *, place: str) -> str:
        """The secret. Raises SecretUnreadable, BadKeyFile."""
        sealed_for, secret = json.loads(self._unsealed(lambda keys: keys.decrypt(sealed.encode("ascii"))))
        if sealed_for != place:
            raise SecretUnreadable("A secret in the database does not belong where it is.")
        return str(secret)

    def reseal(self, sealed: str) -> str:
        """The same, sealed with the first key. Raises SecretUnreadable, BadKeyFile."""
        return self._unsealed(lambda keys: keys.rotate(sealed.encode("ascii"))).decode()

    def add_key(self) -> None:
        """A new first key; the others go on opening. Raises BadKeyFile."""
        self._keys()
        keys = _read(self.file)
        if len(keys) >= MOST_KEYS:
            raise BadKeyFile("The key file holds too many keys; retire the old ones.")
        _write(self.file, [_new_key(), *keys])

    def retire_keys(self) -> int:
        """Keep the first key alone; returns how many went. This object goes on opening with all of them."""
        self._keys()
        keys = _read(self.file)
        _write(self.file, keys[:1])
        self._seen = _signature(self.file)
        return len(keys) - 1

    def _unsealed(self, attempt: Callable[[MultiFernet], bytes]) -> bytes:
        from cryptography.fernet import InvalidToken

        try:
            return attempt(self._keys())
        except (InvalidToken, UnicodeEncodeError) as error:  # whoever may show us one shows us anything
            raise SecretUnreadable from error

    def _keys(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet

        try:
            if not self.file.exists():
                _make(self.file)
            seen = _signature(self.file)
            if self._fernet is None or seen != self._seen:
                self._fernet = MultiFernet([Fernet(key) for key in _read(self.file)])
                self._seen = seen
        except OSError as error:
            raise BadKeyFile(f"The key file {self.file} cannot be used ({error.strerror}).") from error
        except ValueError as error:
            raise BadKeyFile from error
        return self._fernet

    def __repr__(self) -> str:
        return f"Vault({str(self.file)!r})"


def _new_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def _signature(file: Path) -> tuple[int, ...]:
    found = file.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(file: Path) -> list[str]:
    """Raises OSError, ValueError."""
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        log.warning("the key file can be read by others than its owner")
    return [line.strip() for line in file.read_text(encoding="ascii").splitlines() if line.strip()]


def _make(file: Path) -> None:
    """The first key. Of two processes that both begin, one's file stands."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = _part(file, [_new_key()])
    try:
        os.link(part, file)
    except FileExistsError:
        pass
    finally:
        part.unlink()


def _write(file: Path, keys: list[str]) -> None:
    _part(file, keys).replace(file)


def _part(file: Path, keys: list[str]) -> Path:
    """A whole file beside it, for its owner alone."""
    part = file.with_name(f"{file.name}.{secrets.token_hex(8)}.part")
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as opened:
        opened.write("".join(f"{key}\n" for key in keys))
        opened.flush()
        os.fsync(opened.fileno())
    return part
