"""What the platforms' tests share: the platforms there are, their folders' files, and what no page of any can show."""

from __future__ import annotations

import importlib
from pathlib import Path

import connectors
from connectors.base import Refusal
from connectors.kit.web.connector import WebConnector
from connectors.registry import PLATFORMS

FOLDERS = Path(connectors.__file__).parent
FILES = {
    f"{name}.py"
    for name in ("__init__", "connector", "join", "admission", "roster", "audio", "chat", "screen", "leave")
} | {"selectors.toml"}
CONNECTORS: dict[str, type[WebConnector]] = {
    row.module.split(".")[1]: getattr(importlib.import_module(row.module), row.connector) for row in PLATFORMS
}
SIMULATED = sorted({row.module.split(".")[1] for row in PLATFORMS if row.name == "simulator"})

NO_PAGE = {Refusal.UNREACHABLE: "there is no page", Refusal.PAGE_NOT_UNDERSTOOD: "no rule is for this"}
