"""compose.yaml as an engine reads it: variables filled in, merges done. Of the format only what ours uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.house.sources import ROOT

DEPLOY = ROOT / "deploy"
SECRETS = {"DATABASE_PASSWORD": "d" * 48, "BROKER_PASSWORD": "b" * 48}
OURS = ("setup", "api", "worker", "dispatcher", "courier", "calendar-keeper", "bot-host", "engine")
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::([-?])([^}]*))?\})")


class NotSet(Exception):
    """A variable that is needed is not set; the message is what the file says about it."""


def compose(environment: Mapping[str, str] = SECRETS) -> dict[str, Any]:
    """Raises NotSet."""
    whole = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    filled: dict[str, Any] = _filled(
        {name: part for name, part in whole.items() if not name.startswith("x-")}, environment
    )
    for service in filled["services"].values():
        if "environment" in service:
            service["environment"] = _given(service["environment"], environment)
    return filled


def _given(variables: dict[str, str | None], environment: Mapping[str, str]) -> dict[str, str]:
    """One without a value has that of the environment, and is not there where that has none."""
    given = {name: environment.get(name) if value is None else value for name, value in variables.items()}
    return {name: value for name, value in given.items() if value is not None}


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _value(found, environment), value)
    if isinstance(value, dict):
        return {name: _filled(one, environment) for name, one in value.items()}
    return [_filled(one, environment) for one in value] if isinstance(value, list) else value


def _value(found: re.Match[str], environment: Mapping[str, str]) -> str:
    name, kind, word = found.groups()
    if name is None:
        return "$"
    if environment.get(name):
        return environment[name]
    if kind == "?":
        raise NotSet(word)
    return word or ""
