"""kubernetes/engine.yaml: one pod is one group, its command is one we understand, its end lets sessions end."""

from __future__ import annotations

import argparse
from typing import Any

import yaml

from bot.commands import engine_serve
from tests.deploy.composed import DEPLOY, compose

PARTS: dict[str, Any] = {
    part["kind"]: part for part in yaml.safe_load_all((DEPLOY / "kubernetes" / "engine.yaml").read_text())
}
POD = PARTS["StatefulSet"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def parsed(words: list[str]) -> argparse.Namespace:
    assert words[:2] == ["engine", "serve"]
    parser = argparse.ArgumentParser()
    engine_serve.arguments(parser)
    return parser.parse_args(words[2:])


def test_a_pod_is_a_group_with_a_device_for_each_rank() -> None:
    options = parsed(CONTAINER["args"])
    assert options.decode_device == f"cuda:{options.tp}"
    assert CONTAINER["resources"]["limits"]["nvidia.com/gpu"] == options.tp + 1
    assert options.sessions is None, "as many as it finds that it can serve"


def test_it_has_no_rights_and_its_token_is_a_secret() -> None:
    security = CONTAINER["securityContext"]
    assert POD["securityContext"]["runAsNonRoot"] and not POD["automountServiceAccountToken"]
    assert security["readOnlyRootFilesystem"] and security["capabilities"] == {"drop": ["ALL"]}
    assert not security["allowPrivilegeEscalation"]
    (token,) = CONTAINER["env"]
    assert token["name"] == "UNDERSTUDY_ENGINE_TOKEN" and "secretKeyRef" in token["valueFrom"]
    assert PARTS["NetworkPolicy"]["spec"]["egress"] == []


def test_sessions_may_end_before_the_pod_does_and_the_service_still_leads_to_it() -> None:
    assert POD["terminationGracePeriodSeconds"] > parsed(CONTAINER["args"]).drain_s
    assert PARTS["Service"]["spec"]["publishNotReadyAddresses"] and PARTS["Service"]["spec"]["clusterIP"] == "None"
    assert PARTS["StatefulSet"]["spec"]["serviceName"] == PARTS["Service"]["metadata"]["name"]


def test_everything_that_selects_the_pods_selects_them() -> None:
    labels = PARTS["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    for kind in ("StatefulSet", "PodDisruptionBudget"):
        assert PARTS[kind]["spec"]["selector"]["matchLabels"] == labels
    assert PARTS["Service"]["spec"]["selector"] == labels
    assert PARTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels


def test_what_is_mounted_is_there() -> None:
    volumes = {volume["name"] for volume in POD["volumes"]}
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == volumes


def test_compose_serves_the_same_command_on_one_host() -> None:
    service = compose()["services"]["engine-server"]
    options = parsed(service["command"])
    assert (options.device, options.host, options.sessions) == ("cuda", "0.0.0.0", None)
    assert service["profiles"] == ["gpu"] and service["networks"] == ["inside"]
    assert int(service["stop_grace_period"].removesuffix("s")) > options.drain_s
