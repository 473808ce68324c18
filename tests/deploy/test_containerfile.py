"""The container files, by the rules a linter would have, and by what `./understudy` installs."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from tests.deploy.composed import DEPLOY, compose
from tests.house.sources import ROOT, text

LINES = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text("deploy/Containerfile"), flags=re.MULTILINE)).splitlines()
STEPS = [tuple(line.split(None, 1)) for line in LINES if line.strip()]
STAGES: dict[str, list[tuple[str, str]]] = {}
for word, rest in STEPS:
    if word == "FROM":
        STAGES[rest.split()[2]] = []
    STAGES[list(STAGES)[-1]].append((word, rest))
FINAL = ("control", "bot-host", "engine")
SCRIPT = text("understudy")


def runs(stage: str) -> str:
    return " ; ".join(rest for word, rest in STAGES[stage] if word == "RUN")


def test_compose_builds_the_images_there_are() -> None:
    targets = {service["build"]["target"] for service in compose()["services"].values() if "build" in service}
    assert targets == set(FINAL) <= STAGES.keys()


def test_bases_are_pinned_and_nothing_is_fetched_from_elsewhere() -> None:
    bases = {rest.split()[0] for word, rest in STEPS if word == "FROM"} - STAGES.keys()
    assert bases == {"python:3.11-slim-bookworm"}
    assert not [rest for word, rest in STEPS if word == "ADD" or re.search(r"\b(curl|wget|sudo)\b|https?://", rest)]
    secret = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY")
    assert not [rest for word, rest in STEPS if word in ("ENV", "ARG") and secret.search(rest)]


@pytest.mark.parametrize("stage", FINAL)
def test_nothing_runs_as_root_nor_may_change_what_was_installed(stage: str) -> None:
    words = [word for word, _ in STAGES[stage]]
    assert ("USER", "10001:10001") in STAGES[stage] and words.index("USER") > words.index("COPY")
    assert "RUN" not in words[words.index("USER") :]
    copied = [rest for word, rest in STAGES[stage] if word == "COPY"]
    assert len(copied) == 1 and "--chown" not in copied[0]
    assert re.fullmatch(r"\[.*\]", STAGES[stage][-1][1]), "a command without a shell gets its signals"


def test_packages_are_those_the_one_command_installs() -> None:
    installed = runs("bot-host")
    assert "--no-install-recommends" in installed and "rm -rf /var/lib/apt/lists/*" in installed
    parts = re.search(r"readonly PARTS=\((.*?)\n\)", SCRIPT, re.DOTALL)
    assert parts is not None
    wanted = set(re.findall(r'^\s*"[^|"]+\|([^|"]+)\|', parts[1], re.MULTILINE))
    given = installed.split("--no-install-recommends")[1].split("&&")[0].split()
    assert set(given) == wanted and given == sorted(given)


def test_python_packages_are_those_the_one_command_installs_but_its_own_broker() -> None:
    for stage in ("build", "build-bot-host", "build-engine"):
        installs = re.findall(r"pip install [^&;]*", runs(stage))
        assert installs and all("--constraint constraints.txt" in one for one in installs)
    extras = re.search(r"CORE_EXTRAS=(\S+)", SCRIPT)
    no_deps = re.search(r"NO_DEPS=\((\S+)\)", SCRIPT)
    assert extras is not None and no_deps is not None
    wanted = [one for one in extras[1].split(",") if one != "embedded"]
    assert f'".[{",".join(wanted)}]"' in runs("build-bot-host") and f"--no-deps {no_deps[1]}" in runs("build-bot-host")
    assert tomllib.loads(text("pyproject.toml"))["project"]["scripts"].keys() == {"understudy"}


def test_what_is_copied_exists_and_is_let_through_to_the_builder() -> None:
    let_through = re.findall(r"^!(\S+)$", text("deploy/Containerfile.dockerignore"), re.MULTILINE)
    copied = [one for word, rest in STAGES["build"] if word == "COPY" for one in rest.split()[:-1]]
    assert sorted(copied) == sorted(let_through)
    assert all((ROOT / one).exists() for one in copied)


def test_the_example_of_settings_is_valid_shell() -> None:
    subprocess.run(["sh", "-n", DEPLOY / "env.example"], check=True, timeout=10)
