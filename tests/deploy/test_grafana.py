"""The board asks Prometheus only for what `/metrics` has: every metric, label and bound in its queries exists."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.api.metrics import exposition
from bot.domain.figures import FIGURES
from bot.domain.lifecycle import TERMINAL, BotState
from bot.store.counters import Series
from tests.house.sources import ROOT

BOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "understudy.json").read_text())
QUERIES = [(panel["title"], target["expr"]) for panel in BOARD["panels"] for target in panel["targets"]]
SELECTOR = re.compile(r"\b(understudy_\w+)(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\bby \(([^)]*)\)")
VALUES = {  # metric and label: what is ever counted there, for a filter on anything else shows nothing for ever
    ("understudy_frames_total", "outcome"): {"shown", "dropped"},
}
ONCE_A_BOT = ("join_delay", "bot_stay", "bot_cpu")  # counted so seldom that minutes mostly hold none
WANTED = ("bots", "launches", "joins", "refusals", "turn_stage", "interruptions", "av_offset", "frames", "bot_cpu")


def exposed() -> dict[str, dict[str, set[str]]]:
    """Every sample's name with its labels and their values, when each figure has been counted once."""
    one = Series(value=1.0, total=1.0)
    counted = {figure.name: {("x",) * len(figure.labels): one} for figure in FIGURES.values()}
    text = exposition(counted, {state: 1 for state in BotState if state not in TERMINAL}).decode()
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = found.setdefault(sample.name, defaultdict(set))
            for label, value in sample.labels.items():
                labels[label].add(value)
    return found


METRICS = exposed()


@pytest.mark.parametrize(("title", "query"), QUERIES)
def test_every_query_names_metrics_and_labels_that_exist(title: str, query: str) -> None:
    selectors = SELECTOR.findall(query)
    assert selectors, "a panel that asks for nothing of ours"
    labels: set[str] = set()
    for name, matchers in selectors:
        assert name in METRICS, name
        labels |= METRICS[name].keys()
        for label, value in re.findall(r'(\w+)="([^"]*)"', matchers):
            assert label in METRICS[name]
            known = METRICS[name]["le"] if label == "le" else VALUES[name, label]
            assert value in known, f"{name} has no {label} {value}"
    for names in GROUPING.findall(query):
        assert {one.strip() for one in names.split(",")} <= labels, title


@pytest.mark.parametrize(("title", "query"), [one for one in QUERIES if any(name in one[1] for name in ONCE_A_BOT)])
def test_what_is_counted_once_for_a_bot_is_asked_of_hours(title: str, query: str) -> None:
    assert "$__rate_interval" not in query and re.search(r"\[1[hd]\]", query), title


def test_what_an_operator_wants_to_see_is_on_the_board() -> None:
    asked = " ".join(query for _, query in QUERIES)
    assert [name for name in WANTED if f"understudy_{name}" not in asked] == []


def test_panels_do_not_cover_each_other_and_take_their_source_from_the_variable() -> None:
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in BOARD["panels"]}
    assert len(places) == len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    assert {panel["datasource"]["uid"] for panel in BOARD["panels"]} == {"${source}"}
    assert [one["name"] for one in BOARD["templating"]["list"]] == ["source"]
