"""What our code does not do, each with the few places that may and the reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from tests.house.sources import PRODUCT, dotted, existing, functions, nodes, python_files, text, text_files

READS_ENVIRONMENT = {
    "bot/config.py": "the one reader",
}
CATCHES_EVERYTHING = {  # path: why nothing narrower will do
    "bot/calendars/keeper.py": "a calendar that breaks its reader keeps no other from being read",
    "bot/api/problems.py": "a client gets an answer whatever broke",
    "connectors/kit/browser.py": "Playwright raises Exception itself when its driver does not start",
    "connectors/kit/web/connector.py": "whatever breaks while a page is read, who listens to the meeting is told of it",
    "bot/meeting/run.py": "a bot ends with an outcome and a cause whatever broke",
}
LOGS_FIELDS_OF_OTHERS = {  # path and field: what is in it
    "bot/scheduling/reaper.py: **": "what the rule says of a process: ids, times, codes",
}
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
DEVELOPER_PATH = re.compile(r"(?<![\w.*-])/(work|home/\w+|Users/\w+|root)/")
MAY_NAME_PATHS = {"tests/house/test_fences.py"}


def _naming(*words: str, among: Iterable[str]) -> list[str]:
    """Files in which one of the words stands at all: only they are worth taking apart."""
    return [name for name in among if any(word in text(name) for word in words)]


def test_the_environment_is_read_in_one_place() -> None:
    readers = set()
    for name in _naming("environ", "getenv", among=python_files(*PRODUCT)):
        for node in nodes(name):
            imported = isinstance(node, ast.ImportFrom) and node.module == "os"
            words = {alias.name for alias in node.names} if imported else {dotted(node).removeprefix("os.")}
            if (imported or dotted(node).startswith("os.")) and words & {"environ", "environb", "getenv"}:
                readers.add(name)
    assert readers == READS_ENVIRONMENT.keys()


def _catches_everything(node: ast.AST) -> bool:
    """Catches any error and goes on. A handler that ends with `raise` only tidies up."""
    broad = {"Exception", "BaseException"}
    if isinstance(node, ast.ExceptHandler):
        if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
            return False
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        return any(kind is None or dotted(kind) in broad for kind in caught)
    if isinstance(node, ast.Call) and dotted(node.func).endswith("suppress"):
        return any(dotted(argument) in broad for argument in node.args)
    return False


def test_errors_are_caught_by_name() -> None:
    names = _naming("Exception", "except:", among=python_files(*PRODUCT, "tests"))
    found = {name for name in names for node in nodes(name) if _catches_everything(node)}
    assert found == existing(CATCHES_EVERYTHING)


def test_nothing_is_marked_unfinished() -> None:
    assert [name for name in text_files() if UNFINISHED.search(text(name))] == []


def test_no_path_of_a_developers_machine_is_in_the_tree() -> None:
    found = [name for name in text_files() if name not in MAY_NAME_PATHS and DEVELOPER_PATH.search(text(name))]
    assert found == []


def test_tests_replace_nothing_inside_the_product() -> None:
    patching = []
    for name in _naming("mock", "monkeypatch", among=python_files("tests")):
        for node in nodes(name):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            mocked = any(module.split(".")[0] == "mock" or module.startswith("unittest.mock") for module in modules)
            if mocked or dotted(node) in ("monkeypatch.setattr", "monkeypatch.setitem", "mocker.patch"):
                patching.append(name)
    assert patching == []


def _fields_of(call: ast.Call) -> list[str]:
    """Of a line of the log; "" for a sentence that is put together."""
    *_, sentence = [call.func, *call.args]
    branches = [sentence.body, sentence.orelse] if isinstance(sentence, ast.IfExp) else [sentence]
    constant = all(isinstance(one, ast.Constant) for one in branches)
    return [*([] if constant else [""]), *(keyword.arg or "**" for keyword in call.keywords)]


def test_what_the_log_says_is_constant_and_people_are_only_in_marked_fields() -> None:
    personal = re.compile(r"(^|_)(name|title|text|words|said|url|link|heading|question|answer|email|detail|speaker)$")
    found = set()
    for name in _naming("get_log", among=python_files(*PRODUCT)):
        for call in (node for node in nodes(name) if isinstance(node, ast.Call)):
            logger, _, level = dotted(call.func).rpartition(".")
            if logger == "log" and level in ("debug", "info", "warning", "error", "exception"):
                fields = [one for one in _fields_of(call) if not one.startswith("pii_")]
                found |= {f"{name}: {one}" for one in fields if one in ("", "**") or personal.search(one)}
    assert found == LOGS_FIELDS_OF_OTHERS.keys()


def _sleeps(function: ast.AST) -> bool:
    """A wait of a fixed time; `asyncio.sleep(0)` only lets others run."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    sleeps = [call for call in calls if dotted(call.func) in ("time.sleep", "asyncio.sleep")]
    return any(ast.unparse(call.args[0]) != "0" for call in sleeps if call.args)


def test_tests_and_fixtures_wait_for_something_not_for_some_time() -> None:
    sleeping = []
    for name in _naming("sleep", among=python_files("tests")):
        for function in functions(name):
            fixture = any("fixture" in ast.dump(decorator) for decorator in function.decorator_list)
            if (function.name.startswith("test_") or fixture) and _sleeps(function):
                sleeping.append(f"{name}:{function.name}")
    assert sleeping == []
