"""Logs with a grammar: a constant sentence, fields beside it. People's words, names and URLs only under `pii_` keys.

log = get_log(__name__)
log.info("meeting joined", wait_s=3.2, pii_title=title)

`configure` prints lines for people or JSON for machines to standard error; with `personal=False` the values of `pii_`
fields are left out, and of an error its type and where it came from are told, not what it says: that may quote anybody.
So may what a library writes: of that its constant words are told. Below INFO libraries are not heard at all, for one of
them tells every statement to the database with its values. Values that look like secrets by their key are never
printed. A line stays one line, whatever is in its values.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

_SECRET_KEY = re.compile(r"(secret|token|password|passcode|api_key|authorization)", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONSTANT = re.compile(r"[^<>()\[\]{}'\"`=:]*")  # what follows is some object's own words
_MOST_ERRORS = 8  # of those behind one: causes, and members of a group
_FIELDS = "understudy_fields"
_OURS = frozenset({"bot", "connectors", "engine", "migrations"})
_HEAR_NOBODY = frozenset({"amqp", "billiard", "celery", "kombu"})  # they carry ids; why a broker is away is in values


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
        message = self._message(record)
        if self._as_json:
            line = {"at": at, "level": record.levelname.lower(), "log": record.name, "message": message}
            return json.dumps(line | fields | ({"trace": trace} if trace else {}), default=str)
        shown = " ".join(f"{key}={_one_line(str(value))}" for key, value in fields.items())
        text = f"{at[11:23]} {record.levelname.lower():7} {record.name}: {message} {shown}".rstrip()
        return f"{text}\n{trace}" if trace else text

    def _message(self, record: logging.LogRecord) -> str:
        if self._personal or _is_ours(record) or _root_of(record) in _HEAR_NOBODY:
            return _one_line(record.getMessage())
        if not isinstance(record.msg, str):  # an error, told as it is
            return type(record.msg).__qualname__
        first = record.msg.partition("\n")[0]
        return _one_line(first if record.args else _CONSTANT.match(first)[0].rstrip())  # type: ignore[index]

    def _trace(self, error: BaseException) -> str:
        if self._personal:
            told = "".join(traceback.format_exception(error)).rstrip().split("\n")
            return "\n".join(_one_line(line) for line in told)
        each = ["".join(traceback.format_tb(one.__traceback__)) + type(one).__qualname__ for one in _behind(error)]
        return "\nthen\n".join(reversed(each[:_MOST_ERRORS]))

    def _shown(self, key: str, value: Any) -> Any:
        if _SECRET_KEY.search(key):
            return "***"
        return "-" if key.startswith("pii_") and not self._personal else value


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The error, the members of a group, and what each came from; each once, the latest first."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        cause = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        waiting += [*(one.exceptions if isinstance(one, BaseExceptionGroup) else ()), *([cause] if cause else [])]


def _root_of(record: logging.LogRecord) -> str:
    return record.name.partition(".")[0]


def _is_ours(record: logging.LogRecord) -> bool:
    return hasattr(record, _FIELDS) or _root_of(record) in _OURS


def _is_heard(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO or _is_ours(record)


def _one_line(text: str) -> str:
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def configure(*, level: str = "INFO", as_json: bool = False, personal: bool = False) -> None:
    """Set up the process's logging once; later calls replace the earlier set-up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(as_json=as_json, personal=personal))
    handler.addFilter(_is_heard)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def tell_uncaught() -> None:
    """Errors that nobody catches, in any thread, are told by the log, once it is configured, like all others: what
    Python prints of them by itself quotes anybody."""
    logger = logging.getLogger(__name__)

    def ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if logging.getLogger().handlers:
            logger.error("nobody caught an error", exc_info=(kind, error, trace))
        else:
            sys.__excepthook__(kind, error, trace)

    def thread_ended(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            ended(args.exc_type, args.exc_value, args.exc_traceback)

    def could_not_raise(unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_value is not None:
            ended(unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)

    sys.excepthook, threading.excepthook, sys.unraisablehook = ended, thread_ended, could_not_raise
