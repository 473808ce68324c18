"""Each platform has a suite of the contract, and each says of every refusal that it stages it, or why it cannot."""

from __future__ import annotations

import importlib
import inspect

import pytest

from connectors.base import Refusal
from tests.connectors.contract import ANSWERED, WITHOUT_A_PAGE, ConnectorContract, LobbyContract
from tests.connectors.platforms import CONNECTORS


def suite_of(name: str) -> type[ConnectorContract]:
    """The one suite of the platform's test file."""
    classes = inspect.getmembers(importlib.import_module(f"tests.connectors.test_{name}"), inspect.isclass)
    found = [one for _, one in classes if issubclass(one, ConnectorContract) and hasattr(one, "platform")]
    assert [one.platform for one in found] == [name]
    return found[0]


SUITES = {name: suite_of(name) for name in CONNECTORS}
UNSTAGED = [(name, refusal) for name, suite in SUITES.items() for refusal in suite.cannot_stage()]


@pytest.mark.parametrize("name", SUITES)
def test_a_lobby_is_tried_where_there_is_one(name: str) -> None:
    assert issubclass(SUITES[name], LobbyContract) == CONNECTORS[name].ways.capabilities.lobby


@pytest.mark.parametrize(("name", "refusal"), UNSTAGED)
def test_what_cannot_be_staged_has_a_reason(name: str, refusal: Refusal) -> None:
    assert SUITES[name].cannot_stage()[refusal]


@pytest.mark.parametrize("name", SUITES)
def test_every_refusal_is_tried_that_its_stage_brings_about_and_no_other(name: str) -> None:
    elsewhere = {*WITHOUT_A_PAGE, *ANSWERED}
    assert set(SUITES[name].staged()) - elsewhere == set(SUITES[name].stages) - elsewhere
