"""The log's grammar: people only where they are marked, secrets never, one line a line."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from collections.abc import Iterator

import aiosqlite
import pytest

from bot.log import configure, get_log, tell_uncaught

log = get_log("tests.log")


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    root.handlers[:] = handlers
    root.setLevel(level)


def fail(word: str) -> None:
    try:
        int(word)
    except ValueError as cause:
        raise LookupError(f"nothing is known of {word}") from cause


@pytest.mark.parametrize(("personal", "shown"), [(False, "-"), (True, "Ada")])
def test_people_are_told_only_where_that_is_wanted(
    personal: bool, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(as_json=True, personal=personal)
    log.info("somebody came", pii_name="Ada", wait_s=1.5)
    line = json.loads(capsys.readouterr().err)
    assert (line["message"], line["pii_name"], line["wait_s"]) == ("somebody came", shown, 1.5)


@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_is_told_by_its_type_and_place_and_not_by_what_it_quotes(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(as_json=as_json)
    try:
        fail("".join(("A", "da")))  # the lines of the source are told
    except LookupError:
        log.exception("a request failed")
    told = capsys.readouterr().err
    assert "Ada" not in told and "test_log.py" in told
    assert told.index("ValueError") < told.index("LookupError") and "in fail" in told


def test_whoever_wants_everything_is_told_what_an_error_says(capsys: pytest.CaptureFixture[str]) -> None:
    configure(personal=True)
    try:
        fail("Ada")
    except LookupError:
        log.exception("a request failed")
    assert "nothing is known of Ada" in capsys.readouterr().err


def test_a_secret_is_never_told_whoever_asks(capsys: pytest.CaptureFixture[str]) -> None:
    configure(personal=True)
    log.info("a key was made", api_key="k", metrics_token="t", pii_password="p")
    assert capsys.readouterr().err.rstrip().endswith("a key was made api_key=*** metrics_token=*** pii_password=***")


def test_no_value_makes_a_second_line_or_reaches_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure(personal=True)
    log.info("heard", pii_text="a\n12:00:00.000 error   bot: all is lost\x1b[2J\u2028b", count=2)
    told = capsys.readouterr().err
    assert told.count("\n") == 1 == len(told.splitlines()) and "\x1b" not in told
    assert r"a\n12:00:00.000" in told and told.endswith("count=2\n")


async def test_no_statement_to_the_database_is_told_with_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="DEBUG", personal=True)
    async with aiosqlite.connect(":memory:") as database:
        await database.execute("SELECT ?", ("Ada",))
    log.debug("asked")
    told = capsys.readouterr().err
    assert "Ada" not in told and "asked" in told


@pytest.mark.parametrize("as_json", [False, True])
async def test_what_a_loop_says_of_an_error_nobody_awaits_quotes_nobody(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(as_json=as_json)
    loop = asyncio.get_running_loop()
    failed = loop.create_future()
    failed.set_exception(error := LookupError("nothing is known of Ada"))
    loop.call_exception_handler({"message": "Future exception was never retrieved", "future": failed})
    loop.call_exception_handler(
        {"message": f"Exception in callback {print!r}('Ada') <Handle 'Ada'>", "exception": error}
    )
    told = capsys.readouterr().err
    assert failed.exception() is error and "Ada" not in told and "Future exception was never retrieved" in told
    assert "Exception in callback" in told and "LookupError" in told


@pytest.mark.parametrize(("name", "says"), [("lib", "%s cannot be read"), ("celery.worker", "Ada cannot be read")])
def test_of_a_library_that_hears_people_only_constant_words_are_told(
    name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure()
    logging.getLogger(name).info("%s cannot be read", "Ada")
    assert capsys.readouterr().err.rstrip().endswith(f"{name}: {says}")


@pytest.mark.parametrize("hook", ["process", "thread"])
def test_an_error_nobody_catches_is_told_like_all_others(hook: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    tell_uncaught()
    if hook == "thread":
        thread = threading.Thread(target=fail, args=("".join(("A", "da")),))
        thread.start()
        thread.join()
    else:
        try:
            fail("".join(("A", "da")))
        except LookupError as error:
            group = ExceptionGroup("of Ada", [error])
            sys.excepthook(type(group), group, None)
    told = capsys.readouterr().err
    assert "Ada" not in told and "nobody caught an error" in told
    assert told.index("ValueError") < told.index("LookupError") and "in fail" in told
