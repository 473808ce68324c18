"""compose.yaml: what may run as whom, what must be set, who owns the bots, and that a restart of the rest ends none."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from bot.cli import COMMANDS
from bot.config import PREFIX, Settings, load_settings
from bot.scheduling.celery_app import TIME_LIMIT_S
from bot.scheduling.host import LEAVE_GRACE_S
from bot.supervision.installation import installation
from tests.deploy.composed import DEPLOY, OURS, SECRETS, NotSet, compose
from tests.house.sources import text

SERVICES: dict[str, Any] = compose()["services"]
LASTING = [name for name in SERVICES if name not in ("setup", "engine")]
TEXT = text("deploy/compose.yaml")


def seconds(span: str) -> int:
    return int(span.removesuffix("s"))


def test_the_file_people_write_the_secrets_into_is_not_committed() -> None:
    assert "deploy/.env" in text(".gitignore").splitlines()


@pytest.mark.parametrize("missing", SECRETS)
def test_without_a_secret_nothing_starts_and_a_sentence_says_what_to_do(missing: str) -> None:
    with pytest.raises(NotSet, match=rf"^Set {missing} in deploy/.env; openssl rand -hex 24 makes one\.$"):
        compose({name: value for name, value in SECRETS.items() if name != missing})


def test_no_secret_has_a_default_and_the_example_names_them_without_a_value() -> None:
    secret = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY")
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
    assert [name for name, value in defaults.items() if secret.search(name) and value] == []
    example = (DEPLOY / "env.example").read_text()
    assert re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE) == [(name, "") for name in SECRETS]
    assert set(re.findall(r"\$\{(\w+):-", TEXT)) <= set(re.findall(r"^# (\w+)=", example, re.MULTILINE)) | {
        "UNDERSTUDY_LOG_LEVEL"
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_without_rights_and_has_a_bounded_log(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & service.keys()
    assert service.get("user", "10001") not in ("root", "0") and (name in OURS or "user" in service)
    assert service.get("network_mode") in (None, "none")
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert "docker.sock" not in str(service)
    image = service["image"]
    assert "build" in service or re.fullmatch(r"[\w/.-]+:[\w.-]*\d[\w.-]*", image), "an image has its version"


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_is_started_again_and_asked_how_it_is(name: str) -> None:
    health = SERVICES[name]["healthcheck"]
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert seconds(health["timeout"]) < seconds(health["interval"]) and health["retries"] >= 3
    if name in OURS:
        assert health["test"] == ["CMD", "understudy", SERVICES[name]["command"][0], "--check"]


@pytest.mark.parametrize("name", OURS)
def test_our_parts_get_settings_that_exist_and_are_taken(name: str) -> None:
    service = SERVICES[name]
    known = {PREFIX + field.name.upper() for field in fields(Settings)}
    assert service["environment"].keys() <= known
    load_settings(service["environment"])
    assert service["read_only"] and service["init"]
    words = " ".join(service["command"])
    commands = re.findall(r"understudy ([\w-]+)", words) or [service["command"][0]]
    assert set(commands) <= COMMANDS.keys()


FIXED = {  # setting: why an operator of these containers has none of it
    "HOME": "the volume, by the Containerfile",
    "CACHE": "in the home",
    "DATABASE_URL": "made of the password",
    "BROKER_URL": "made of the password",
    "API_HOST": "the port's address says who reaches it",
    "API_PORT": "inside; API_ADDRESS is the one outside",
    "CHROMIUM": "in the image",
    "BROWSER_PROFILE": "a folder that no volume brings",
    "HEADLESS": "nobody looks",
    "CAMERA_PATH": "the image has no other",
    "SECRET_KEYS": "in a volume of those who need them",
    "GOOGLE_URL": "for tests",
    "MICROSOFT_URL": "for tests",
    "WHISPER_MODEL": "not in the image",
    "DIARIZATION_MODEL": "not in the image",
    "KUBERNETES_TEMPLATE": "of a cluster",
}


def test_every_setting_is_an_operators_or_fixed_for_a_reason() -> None:
    every = {PREFIX + field.name.upper(): "1" for field in fields(Settings)}
    services = compose(SECRETS | every)["services"]
    operators = {name for one in OURS for name in services[one]["environment"]} - {PREFIX + name for name in FIXED}
    assert operators | {PREFIX + name for name in FIXED} == every.keys()
    example = (DEPLOY / "env.example").read_text()
    assert [name for name in sorted(operators) if name not in example and not _is_told(name, example)] == []


def _is_told(name: str, example: str) -> bool:
    return any(
        re.fullmatch(told.replace("*", ".*"), name.removeprefix("UNDERSTUDY"))
        for told in re.findall(r"\b(?:UNDERSTUDY)?(_[A-Z_*]+)", example)
    )


def test_no_variable_left_to_the_operator_takes_away_what_the_image_has() -> None:
    """An engine drops a variable without a value from the container, also one that the image has."""
    image = set(re.findall(r"^(?:ENV|   ) (\w+)=", text("deploy/Containerfile"), re.MULTILINE))
    assert "UNDERSTUDY_LOG_JSON" in image
    without_a_value = set(re.findall(r"^  +(\w+):$", TEXT, re.MULTILINE))
    assert "UNDERSTUDY_LOG_PERSONAL" in without_a_value and not image & without_a_value


@pytest.mark.parametrize("name", OURS)
def test_a_container_logs_for_machines_unless_the_operator_says_otherwise(name: str) -> None:
    assert SERVICES[name]["environment"]["UNDERSTUDY_LOG_JSON"] == "1"
    other = compose(SECRETS | {"UNDERSTUDY_LOG_JSON": "0"})["services"][name]
    assert other["environment"]["UNDERSTUDY_LOG_JSON"] == "0"


def test_the_database_is_ready_when_others_reach_it() -> None:
    assert "--host" in SERVICES["database"]["healthcheck"]["test"]


def test_a_browser_that_runs_wild_has_bounds() -> None:
    host = SERVICES["bot-host"]
    assert int(host["pids_limit"]) >= 1000 and host["mem_limit"].endswith("gb")


def test_every_part_of_an_installation_is_a_service(tmp_path: Path) -> None:
    _, parts = installation(Settings(home=tmp_path, api_port=0, broker_url="redis://broker"))
    assert {part.name for part in parts} <= SERVICES.keys()


def test_the_bots_belong_to_a_service_that_no_restart_of_another_one_touches() -> None:
    host = SERVICES["bot-host"]
    assert host["command"] == ["bot-host"]
    assert host["depends_on"].keys() == {"database", "setup"}
    assert "restart: true" not in TEXT, "a dependency that restarts would take who depends on it with it"
    assert seconds(host["stop_grace_period"]) > LEAVE_GRACE_S + 5
    assert seconds(SERVICES["worker"]["stop_grace_period"]) > TIME_LIMIT_S
    assert not [name for name, service in SERVICES.items() if "bot-host" in service.get("depends_on", {})]


def test_the_bot_host_has_what_a_browser_needs() -> None:
    host = SERVICES["bot-host"]
    assert host["shm_size"] == "1gb" and "seccomp=seccomp.json" in host["security_opt"]
    assert (DEPLOY / "seccomp.json").is_file()
    assert any(place.startswith("/tmp:") for place in host["tmpfs"])
    assert "unconfined" not in TEXT and "SYS_ADMIN" not in TEXT and "no-sandbox" not in TEXT


def test_the_worker_finds_the_bot_host_by_a_folder_they_share() -> None:
    bots = [name for name in OURS if "profiles" not in SERVICES[name]]  # engines are asked over the network
    homes = {name: [one for one in SERVICES[name]["volumes"] if one.startswith("home:")] for name in bots}
    assert set(map(tuple, homes.values())) == {("home:/var/lib/understudy",)}


def test_the_keys_that_seal_secrets_are_where_no_browser_and_no_model_is() -> None:
    file = "/var/lib/understudy-keys/secret-keys"
    told = {name for name, one in SERVICES.items() if one.get("environment", {}).get("UNDERSTUDY_SECRET_KEYS") == file}
    held = {name for name, one in SERVICES.items() if "keys:/var/lib/understudy-keys" in one["volumes"]}
    assert told == held == {"api", "courier", "calendar-keeper"}
    engines = [SERVICES[name]["volumes"] for name in ("engine", "engine-server")]
    assert not any(place.startswith("home:") for places in engines for place in places)


def test_database_and_broker_are_reached_from_inside_alone() -> None:
    assert compose()["networks"]["inside"] == {"internal": True}
    for name in ("database", "broker"):
        assert SERVICES[name]["networks"] == ["inside"] and "ports" not in SERVICES[name]
    assert SERVICES["api"]["ports"] == ["127.0.0.1:8420:8420"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["api"]


def test_nobody_starts_before_what_it_needs_is_ready() -> None:
    for name, service in SERVICES.items():
        for other, when in service.get("depends_on", {}).items():
            ends = "service_completed_successfully" if other == "setup" else "service_healthy"
            assert when == {"condition": ends} and other in SERVICES, name
