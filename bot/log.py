"""Logs with a grammar: a constant sentence, fields beside it. People's words, names and URLs only under `pii_` keys.

log = get_log(__name__)
log.info("meeting joined", wait_s=3.2, pii_title=title)

`configure` prints lines for people or JSON for machines to standard error; with `personal=False` the values of `pii_`
fields are left out. Values that look like secrets by their key are never printed.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

_SECRET_KEY = re.compile(r"(secret|token|password|passcode|api_key|authorization)", re.IGNORECASE)
_FIELDS = "understudy_fields"


class Log:
    def __init__(self, name: str, bound: dict[str, Any] | None = None) -> None:
        self._logger = logging.getLogger(name)
        self._bound = bound or {}

    def bind(self, **fields: Any) -> Log:
        """A log that adds these fields to every line."""
        return Log(self._logger.name, {**self._bound, **fields})

    def debug(self, sentence: str, **fields: Any) -> None:
        self._write(logging.DEBUG, sentence, fields)

    def info(self, sentence: str, **fields: Any) -> None:
        self._write(logging.INFO, sentence, fields)

    def warning(self, sentence: str, **fields: Any) -> None:
        self._write(logging.WARNING, sentence, fields)

    def error(self, sentence: str, **fields: Any) -> None:
        self._write(logging.ERROR, sentence, fields)

    def exception(self, sentence: str, **fields: Any) -> None:
        """An error with the traceback of the exception being handled."""
        self._write(logging.ERROR, sentence, fields, exc_info=True)

    def _write(self, level: int, sentence: str, fields: dict[str, Any], exc_info: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, sentence, extra={_FIELDS: {**self._bound, **fields}}, exc_info=exc_info)


def get_log(name: str) -> Log:
    return Log(name)


class _Formatter(logging.Formatter):
    def __init__(self, *, as_json: bool, personal: bool) -> None:
        super().__init__()
        self._as_json, self._personal = as_json, personal

    def format(self, record: logging.LogRecord) -> str:
        fields = {key: self._shown(key, value) for key, value in getattr(record, _FIELDS, {}).items()}
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        trace = self.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else None
        if self._as_json:
            line = {"at": at, "level": record.levelname.lower(), "log": record.name, "message": record.getMessage()}
            return json.dumps(line | fields | ({"trace": trace} if trace else {}), default=str)
        shown = " ".join(f"{key}={value}" for key, value in fields.items())
        text = f"{at[11:23]} {record.levelname.lower():7} {record.name}: {record.getMessage()} {shown}".rstrip()
        return f"{text}\n{trace}" if trace else text

    def _shown(self, key: str, value: Any) -> Any:
        if _SECRET_KEY.search(key):
            return "***"
        return "-" if key.startswith("pii_") and not self._personal else value


def configure(*, level: str = "INFO", as_json: bool = False, personal: bool = False) -> None:
    """Set up the process's logging once; later calls replace the earlier set-up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(as_json=as_json, personal=personal))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
