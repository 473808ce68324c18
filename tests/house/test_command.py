"""`./understudy` on machines made of small programs of our own: it sets up what is missing, once, or says what to run.

A machine is a folder of programs that is the whole PATH: links to those the script may rely on, and doubles for those
that would change this machine (apt-get, python3, id). Each double writes down how it was called.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.house.sources import ROOT
from tests.polling import until_true

BASE = "bash readlink dirname sha256sum cat grep sort tail head cut tr sleep mktemp rm mkdir flock env ldconfig touch"
PARTS = ("chromium", "pulseaudio", "pactl", "Xvfb", "ffmpeg")
DEADLINE_S = 30.0
NOBODY = 65534

# installs what is asked for by making the programs of it
APT_GET = """echo "apt-get $*" >>$calls
case "$*" in *install*)
  for name in chromium pulseaudio pactl Xvfb ffmpeg flite espeak-ng; do tool $name; done ;;
esac"""
# makes an environment whose Python is itself; there, `-m pip` and `-m bot` are written down
PYTHON = """case "$*" in
  "-m venv "*) echo "python $*" >>$calls; mkdir -p "$3/bin"; cat "$0" >"$3/bin/python"; chmod +x "$3/bin/python" ;;
  "-c import torch") [[ -e $machine/has-torch ]] ;;
  "-m pip install --dry-run "*) [[ ! -e $machine/pypi-has-cuda ]] || echo '{"name": "nvidia-cublas"}' ;;
  "-m pip "*"torch==2"*) echo "python $*" >>$calls; [[ ! -e $machine/no-torch ]] ;;
  "-m pip "*) echo "python $*" >>$calls; [[ ! -e $machine/no-network ]] ;;
  "-P -m bot "*) echo "python $*" >>$calls; echo "bot: $*"; echo "browser $UNDERSTUDY_CHROMIUM" >>$calls ;;
  "--version") echo "Python 3.11.0" ;;
esac"""


class Machine:
    def __init__(self, folder: Path, *, user: int = 0, parts: Sequence[str] = PARTS) -> None:
        self.programs, self.checkout, self.calls_file = folder / "bin", folder / "checkout", folder / "calls"
        self.programs.mkdir()
        self.checkout.mkdir()
        for name in (*BASE.split(), "chmod"):
            found = shutil.which(name, path=f"{os.defpath}:/sbin:/usr/sbin")
            if found:
                (self.programs / name).symlink_to(found)
        for name in ("understudy", "pyproject.toml", "constraints.txt"):
            shutil.copy2(ROOT / name, self.checkout / name)
        self.calls_file.touch()
        self.program("id", f"echo {user}")
        self.program("apt-get", APT_GET)
        self.program("python3", PYTHON)
        for name in parts:
            self.program(name, "")

    def program(self, name: str, body: str) -> None:
        preface = (
            f"#!/usr/bin/env bash\nmachine={self.programs.parent} calls={self.calls_file}\n"
            f"tool() {{ printf '#!/usr/bin/env bash\\n' >{self.programs}/$1; chmod +x {self.programs}/$1; }}\n"
        )
        (self.programs / name).write_text(preface + body + "\n")
        (self.programs / name).chmod(0o755)

    def begin(
        self,
        *words: str,
        folder: Path | None = None,
        command: Path | None = None,
        user: int | None = None,
        alone: bool = False,
    ) -> subprocess.Popen[str]:
        environment = {"PATH": str(self.programs), "HOME": str(self.programs.parent), "CI": "true"}
        return subprocess.Popen(
            [command or self.checkout / "understudy", *words],
            cwd=folder or self.checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            start_new_session=alone,
        )

    def start(self, *words: str, **options: Any) -> tuple[int, str, str]:
        process = self.begin(*words, **options)
        output, complaints = process.communicate(timeout=DEADLINE_S)
        return process.returncode, output, complaints

    def calls(self, word: str) -> list[str]:
        return [line for line in self.calls_file.read_text().splitlines() if word in line]


def test_the_first_start_installs_with_constraints_and_the_second_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for _ in range(2):
        assert machine.start("up", "--now")[:2] == (0, "bot: -P -m bot up --now\n")
    installs = machine.calls("pip install")
    assert len(installs) == 2 and len(machine.calls("-m venv")) == 1
    assert all(f"-c {machine.checkout}/constraints.txt" in call for call in installs)
    assert "[embedded,hearing-lite,echo]" in installs[0] and "--no-deps silero-vad==6.2.3" in installs[1]
    assert not machine.calls("apt-get")


def test_the_distributions_python_is_taken_before_others_on_the_path(tmp_path: Path) -> None:
    machine = Machine(tmp_path)  # whose own python3 can do everything
    functions = re.findall(r"^(?:find_python|pythons_here)\(\).*?^}", (ROOT / "understudy").read_text(), re.M | re.S)
    script = "\n".join(("set -euo pipefail", *functions, "find_python"))
    able = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
    theirs = [
        path
        for name in ("python3.13", "python3.12", "python3.11", "python3")
        if (path := Path("/usr/bin", name)).exists()
    ]
    first = next((path for path in theirs if subprocess.run([path, "-c", able], check=False).returncode == 0), None)
    for folders, chosen in (("", None), (":/usr/bin", first)):
        environment = {"PATH": f"{machine.programs}{folders}"}
        ran = subprocess.run(["/bin/bash", "-c", script], env=environment, check=True, capture_output=True, text=True)
        assert ran.stdout.strip() == str(chosen or machine.programs / "python3")


def test_a_browser_of_ones_own_that_is_not_there_is_named_and_nothing_installed(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.program("env-understudy", f'UNDERSTUDY_CHROMIUM=/nope {machine.checkout}/understudy "$@"')
    code, _, complaint = machine.start("up", command=machine.programs / "env-understudy")
    assert code == 1 and "UNDERSTUDY_CHROMIUM is /nope" in complaint
    assert not machine.calls("apt-get") and not machine.calls("pip install")


def test_tests_bring_the_tools_for_developing_which_commands_then_share(tmp_path: Path) -> None:
    machine = Machine(tmp_path, parts=(*PARTS, "flite", "espeak-ng"))
    assert machine.start("test")[0] == 0
    torch, ours, _ = machine.calls("pip install")
    assert "torch==2.13.0" in torch and "--index-url" not in torch
    assert "[embedded,hearing-lite,echo,dev,engine,engine-test,hearing]" in ours
    before = len(machine.calls("pip"))
    assert machine.start("db", "upgrade")[0] == 0
    assert len(machine.calls("pip")) == before


def test_a_torch_that_would_bring_cuda_to_a_machine_without_a_driver_is_had_from_its_maker(tmp_path: Path) -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("this machine has an NVIDIA driver")
    machine = Machine(tmp_path, parts=(*PARTS, "flite", "espeak-ng"))
    (tmp_path / "pypi-has-cuda").touch()
    assert machine.start("test")[0] == 0
    assert "--index-url https://download.pytorch.org/whl/cpu torch==2.13.0" in machine.calls("pip install")[0]


def test_a_torchaudio_that_does_not_load_loses_the_file_that_asks_for_cuda(tmp_path: Path) -> None:
    machine = Machine(tmp_path, parts=(*PARTS, "flite"))
    folder = machine.checkout / ".venv" / "lib" / "python3.11" / "site-packages" / "torchaudio" / "lib"
    files = " ".join(str(folder / name) for name in ("_torchaudio.abi3.so", "other.so"))
    broken = f'-m venv "*) mkdir -p {folder} && touch {files}; '
    fails = '"-c import torchaudio") exit 1 ;;\n  "--version")'
    machine.program("python3", PYTHON.replace('-m venv "*) ', broken).replace('"--version")', fails))
    assert machine.start("test")[0] == 0
    assert [file.name for file in folder.iterdir()] == ["other.so"]


def test_without_torch_the_tests_run_all_the_same(tmp_path: Path) -> None:
    machine = Machine(tmp_path, parts=(*PARTS, "flite", "espeak-ng"))
    (tmp_path / "no-torch").touch()
    status, _, complaints = machine.start("test")
    assert status == 0 and "without torch" in complaints
    assert "[embedded,hearing-lite,echo,dev]" in machine.calls("pip install")[1]


@pytest.mark.parametrize(("user", "tries"), [(0, 1), (1000, 0)])
def test_what_tests_only_wish_for_is_tried_once_and_can_be_missing(tmp_path: Path, user: int, tries: int) -> None:
    machine = Machine(tmp_path, user=user, parts=(*PARTS, "flite", "espeak-ng"))
    told = [machine.start("test") for _ in range(2)]
    assert [code for code, _, _ in told] == [0, 0]
    assert ["packages janus" in complaints for _, _, complaints in told] == [True, False]
    installs = machine.calls("apt-get install")
    assert len(installs) == tries and all(" janus" in call for call in installs)


def test_acceptance_sizes_wish_for_another_broker_too_and_no_package_starts_what_it_brings(tmp_path: Path) -> None:
    machine = Machine(tmp_path, parts=(*PARTS, "flite", "espeak-ng"))
    command, policy = machine.checkout / "understudy", tmp_path / "policy-rc.d"
    places = {"/usr/sbin/policy-rc.d": str(policy), "/usr/lib/rabbitmq": str(tmp_path / "rabbitmq")}
    for place, ours in places.items():
        assert place in command.read_text()
        command.write_text(command.read_text().replace(place, ours))
    (machine.programs / "install").symlink_to(shutil.which("install") or "install")
    machine.program("apt-get", f'{policy} 2>/dev/null; echo "apt-get $* by $?" >>$calls')
    for words in (("test",), ("test", "--all"), ("test", "--all"), ("bench", "api")):
        assert machine.start(*words)[0] == 0
    plain, full = machine.calls("apt-get install")
    assert " janus" in plain and "rabbitmq" not in plain
    assert full.endswith(" rabbitmq-server by 101"), "a policy that lets nothing be started"
    assert plain.endswith(" by 101") and not policy.exists()
    policy.write_text("the operator's own")
    (machine.checkout / ".venv" / ".understudy-wished").unlink()
    assert machine.start("test")[0] == 0 and policy.read_text() == "the operator's own"


def test_of_services_only_those_are_masked_that_a_package_brings_and_that_are_not_there_yet(tmp_path: Path) -> None:
    machine = Machine(tmp_path, parts=(*PARTS, "flite", "espeak-ng"))
    command, units = machine.checkout / "understudy", tmp_path / "units"
    units.mkdir()
    (units / "epmd.service").touch()  # of another program that is written in Erlang
    text = command.read_text().replace("/usr/sbin/policy-rc.d", str(tmp_path / "policy-rc.d"))
    text = text.replace("/usr/lib/rabbitmq", str(tmp_path / "rabbitmq"))
    command.write_text(re.sub(r"UNITS=\(.*\)", f"UNITS=({units})", text))
    machine.program("systemctl", 'echo "systemctl $*" >>$calls')
    for words in (("test",), ("test", "--all")):
        assert machine.start(*words)[0] == 0
    masked = [call.removeprefix("systemctl mask ") for call in machine.calls("systemctl mask")]
    assert masked == ["janus.service", "rabbitmq-server.service epmd.socket"]


def test_a_start_that_is_stopped_lets_no_service_start_that_is_still_being_installed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, parts=(*PARTS, "flite", "espeak-ng"))
    command, policy = machine.checkout / "understudy", tmp_path / "policy-rc.d"
    command.write_text(command.read_text().replace("/usr/sbin/policy-rc.d", str(policy)))
    (machine.programs / "install").symlink_to(shutil.which("install") or "install")
    done = f"trap '' TERM; sleep 1; [[ -e {policy} ]] && echo still >>$calls; exit"
    machine.program("apt-get", f'echo "apt-get $*" >>$calls; [[ $* != *install* ]] || {{ {done}; }}')
    started = machine.begin("test", alone=True)
    until_true(lambda: bool(machine.calls("apt-get install")), DEADLINE_S)
    os.killpg(started.pid, signal.SIGTERM)
    started.communicate(timeout=DEADLINE_S)
    until_true(lambda: not policy.exists(), DEADLINE_S)
    assert machine.calls("still"), "it was removed beneath an apt-get that goes on"


@pytest.mark.parametrize("changed", ["constraints.txt", "pyproject.toml"])
def test_changed_dependencies_are_installed_at_the_next_start(tmp_path: Path, changed: str) -> None:
    machine = Machine(tmp_path)
    machine.start("db")
    with (machine.checkout / changed).open("a") as file:
        file.write("# changed\n")
    machine.start("db")
    assert len(machine.calls("pip install")) == 4 and len(machine.calls("-m venv")) == 1


def test_a_set_up_that_was_cut_short_is_not_believed(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    (tmp_path / "no-network").touch()
    code, output, complaints = machine.start("db")
    assert (code, output) == (1, "") and "failed: installing Python packages" in complaints
    (tmp_path / "no-network").unlink()
    assert machine.start("db")[:2] == (0, "bot: -P -m bot db\n")
    assert len(machine.calls("-m venv")) == 2


def test_missing_packages_are_installed_in_a_container_and_nothing_is_removed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, parts=("ffmpeg",))
    assert machine.start("up")[0] == 0
    update, install = machine.calls("apt-get")
    assert "update" in update
    assert "--no-remove --no-install-recommends -o DPkg::Lock::Timeout=300" in install
    assert install.endswith(" chromium pulseaudio pulseaudio-utils xvfb")


def test_without_the_right_to_install_the_exact_line_is_printed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=1000, parts=("chromium", "pulseaudio", "pactl", "Xvfb"))
    options = "--no-remove --no-install-recommends -o DPkg::Lock::Timeout=300"
    for sudo, told in (("", "this as root"), ("sudo ", "this")):
        if sudo:
            machine.program("sudo", "exit 1")
        code, output, complaints = machine.start("up")
        assert (code, output) == (3, "") and not machine.calls("apt-get") and not machine.calls("pip")
        line = f"{sudo}apt-get update && {sudo}apt-get install -y {options} ffmpeg"
        assert f"Run {told}, then start again:\n{line}\n" in complaints


@pytest.mark.slow
@pytest.mark.parallel
def test_only_commands_that_need_parts_ask_for_them(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=1000, parts=PARTS)
    assert machine.start("demo")[0] == 0
    assert machine.start("demo", "--rehearse")[0] == 3, "the synthetic participant speaks with flite"
    (machine.programs / "chromium").unlink()
    assert machine.start("doctor")[0] == 0
    assert machine.start("up")[0] == 3
    assert machine.start("up", "--help")[0] == 0


BROWSERS = {  # case: (the programs that are there, whether Chromium's name leads to a snap, the one a bot is given)
    "anywhere on PATH": (("chromium", "google-chrome"), False, "chromium"),
    "another name": (("google-chrome-stable",), False, "google-chrome-stable"),
    "beside a snap": (("chromium-browser", "google-chrome"), True, "google-chrome"),
    "Playwright's": (("chromium",), True, None),
}


@pytest.mark.parametrize("case", BROWSERS)
def test_bots_are_given_the_browser_that_set_up_found(tmp_path: Path, case: str) -> None:
    programs, snap, chosen = BROWSERS[case]
    machine = Machine(tmp_path, parts=(*PARTS[1:], *programs))
    if snap:
        machine.program(programs[0], "exec /snap/bin/chromium")
    playwrights = tmp_path / ".cache" / "ms-playwright" / "chromium-1200" / "chrome-linux" / "chrome"
    playwrights.parent.mkdir(parents=True)
    playwrights.touch()
    assert machine.start("up")[0] == 0
    assert machine.calls("browser ") == [f"browser {machine.programs / chosen if chosen else playwrights}"]
    assert not machine.calls("apt-get")


@pytest.mark.parametrize("left", ["checkout", "checkout/.venv", "checkout/understudy.egg-info"])
def test_what_another_user_left_is_named_before_anything_is_done(left: str) -> None:
    with TemporaryDirectory(prefix="understudy-left-") as folder:  # a folder of pytest's is closed to other users
        machine = Machine(Path(folder), user=1000)
        Path(folder).chmod(0o755)
        (Path(folder) / left).mkdir(exist_ok=True)
        for path in Path(folder).rglob("*"):
            if not path.is_symlink():
                path.chmod(0o777)
        (Path(folder) / left).chmod(0o555)
        code, output, complaints = machine.start("up", user=NOBODY if os.geteuid() == 0 else None)
        (Path(folder) / left).chmod(0o755)
        assert (code, output) == (3, "") and not machine.calls_file.read_text()
    assert f"{Path(folder) / left} cannot be written by this user" in complaints
    assert f"Run this as root, then start again:\nchown -R 1000 {machine.checkout}\n" in complaints


def test_two_starts_at_once_make_one_environment(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    both = [machine.begin("db"), machine.begin("keys")]
    assert [process.communicate(timeout=DEADLINE_S)[0] for process in both] == [
        "bot: -P -m bot db\n",
        "bot: -P -m bot keys\n",
    ]
    assert len(machine.calls("-m venv")) == 1 and len(machine.calls("pip install")) == 2


def test_it_works_from_elsewhere_and_through_a_link(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    (tmp_path / "link").symlink_to(machine.checkout / "understudy")
    assert machine.start("db", folder=Path("/"), command=tmp_path / "link")[:2] == (0, "bot: -P -m bot db\n")
    assert (machine.checkout / ".venv").is_dir()


@pytest.mark.slow
@pytest.mark.parallel
def test_an_interrupt_ends_what_is_being_installed(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.program("python3", PYTHON.replace('-m venv "*) ', '-m venv "*) echo $$ >$machine/busy; exec sleep 60; '))
    process = machine.begin("db")
    until_true(lambda: (tmp_path / "busy").exists() and (tmp_path / "busy").read_text(), DEADLINE_S)
    installing = int((tmp_path / "busy").read_text())
    process.terminate()
    assert process.wait(DEADLINE_S) == 143
    process.communicate()
    until_true(lambda: not Path(f"/proc/{installing}").exists(), DEADLINE_S)
