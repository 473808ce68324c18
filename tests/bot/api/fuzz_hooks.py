"""What the fuzzer is told of this installation: ids that exist, in half of its paths. Loaded by schemathesis alone."""

from __future__ import annotations

import json
import os
from typing import Any

import schemathesis

IDS = json.loads(os.environ["FUZZ_IDS"])


@schemathesis.hook
def map_path_parameters(_context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    if path_parameters and path_parameters.get("key_id") == IDS["own_key_id"]:
        return {**path_parameters, "key_id": IDS["key_id"]}  # who revokes its own key has nothing more to ask
    if path_parameters and sum(map(ord, str(path_parameters))) % 2:
        return {name: IDS.get(name, value) for name, value in path_parameters.items()}
    return path_parameters
