"""The browser's seccomp profile: a list in the engines' format, enough for Chromium and its own sandbox, no more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import ROOT

PROFILE = ROOT / "deploy" / "seccomp.json"
LOADED = json.loads(PROFILE.read_text())
NAMES = Counter(name for group in LOADED["syscalls"] for name in group["names"])
SANDBOX = {"clone", "unshare", "chroot", "seccomp", "prctl", "capset"}
DANGEROUS = {
    *("acct", "add_key", "bpf", "clock_settime", "delete_module", "fanotify_init", "finit_module", "init_module"),
    *("fsconfig", "fsmount", "fsopen", "mount", "mount_setattr", "move_mount", "open_tree", "pivot_root", "umount2"),
    *("io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_load", "keyctl"),
    *("kexec_file_load", "lookup_dcookie", "name_to_handle_at", "open_by_handle_at", "perf_event_open", "ptrace"),
    *("process_vm_readv", "process_vm_writev", "quotactl", "reboot", "request_key", "sethostname", "setdomainname"),
    *("settimeofday", "swapoff", "swapon", "syslog", "userfaultfd", "vhangup"),
}
NOBODY = 65534
PAGE = "data:text/html,<p>it runs</p>"


def test_what_is_not_listed_does_not_exist() -> None:
    assert (LOADED["defaultAction"], LOADED["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 38), "ENOSYS: libraries fall back"
    assert {group["action"] for group in LOADED["syscalls"]} == {"SCMP_ACT_ALLOW"}
    assert all(group.keys() == {"comment", "names", "action"} for group in LOADED["syscalls"])
    assert {one["architecture"] for one in LOADED["archMap"]} == {"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"}


def test_the_sandbox_can_be_made_and_nothing_dangerous_done() -> None:
    assert [name for name, times in NAMES.items() if times > 1] == []
    assert NAMES.keys() >= SANDBOX and not NAMES.keys() & DANGEROUS


@pytest.fixture
def home() -> Iterator[Path]:
    """Where the ordinary user may go, which a test's own folder is not."""
    folder = Path(tempfile.mkdtemp(prefix="seccomp-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def browse(home: Path, *, without: str = "-") -> tuple[str, str]:
    """What an ordinary user's Chromium, its sandbox on, shows and says under the profile."""
    chromium = shutil.which("chromium")
    if chromium is None or os.geteuid() != 0 or not Path("/usr/bin/python3").exists():
        pytest.skip("needs Chromium, the system's Python, and root to become another user")
    under = ROOT / "tests" / "deploy" / "under_seccomp.py"
    for name in (under, PROFILE):
        shutil.copy(name, home)
    flags = ("--headless=new", "--disable-gpu", "--no-first-run", f"--user-data-dir={home}/profile", "--dump-dom", PAGE)
    script = ["/usr/bin/python3", str(home / under.name), str(home / PROFILE.name), without, str(NOBODY)]
    done = subprocess.run(
        [*script, chromium, *flags],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.browser
@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_chromium_runs_with_its_own_sandbox_under_the_profile(home: Path) -> None:
    shown, said = browse(home)
    assert "<p>it runs</p>" in shown, said


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.browser
@pytest.mark.parametrize(("without", "complaint"), [("unshare", "No usable sandbox"), ("chroot", "sys_chroot")])
def test_without_what_the_profile_adds_the_sandbox_cannot_be_made(home: Path, without: str, complaint: str) -> None:
    shown, said = browse(home, without=without)
    assert "it runs" not in shown and complaint in said
