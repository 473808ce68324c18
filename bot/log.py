"""Logs with a grammar: a constant sentence, fields beside it. People's words, names and URLs only under `pii_` keys.

log = get_log(__name__)
log.info("meeting joined", wait_s=3.2, pii_title=title)

`configure` prints lines for people or JSON for machines to standard error; with `personal=False` the values of `pii_`
fields are left out, and of an error its type and where it came from are told, not what it says: that may quote anybody.
Values that look like secrets by their key are never printed. A line stays one line, whatever is in its values.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

_SECRET_KEY = re.compile(r"(secret|token|password|passcode|api_key|authorization)", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST_CHAIN = 8  # of errors, each the cause of the next
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
        trace = self._trace(record.exc_info[1]) if record.exc_info and record.exc_info[1] else None
        if self._as_json:
            line = {"at": at, "level": record.levelname.lower(), "log": record.name, "message": record.getMessage()}
            return json.dumps(line | fields | ({"trace": trace} if trace else {}), default=str)
        shown = " ".join(f"{key}={_one_line(str(value))}" for key, value in fields.items())
        text = f"{at[11:23]} {record.levelname.lower():7} {record.name}: {record.getMessage()} {shown}".rstrip()
        return f"{text}\n{trace}" if trace else text

    def _trace(self, error: BaseException) -> str:
        if self._personal:
            return "".join(traceback.format_exception(error)).rstrip()
        told: list[str] = []
        chain: BaseException | None = error
        while chain is not None and len(told) < _LONGEST_CHAIN:
            told.insert(0, "".join(traceback.format_tb(chain.__traceback__)) + type(chain).__qualname__)
            chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
        return "\nthen\n".join(told)

    def _shown(self, key: str, value: Any) -> Any:
        if _SECRET_KEY.search(key):
            return "***"
        return "-" if key.startswith("pii_") and not self._personal else value


def _one_line(text: str) -> str:
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def configure(*, level: str = "INFO", as_json: bool = False, personal: bool = False) -> None:
    """Set up the process's logging once; later calls replace the earlier set-up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(as_json=as_json, personal=personal))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
