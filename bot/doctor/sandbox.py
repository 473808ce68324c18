"""Does Chromium's own sandbox work here? It needs user namespaces, which some kernels keep from ordinary users.

Nothing of ours goes on without it: where it is forbidden, a bot's browser does not start. Root has none, because
Chromium refuses it to root.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from bot.config import Settings
from bot.doctor.examine import Missing
from bot.doctor.looking import PROGRAM_TIMEOUT_S, chromium_path

PROBE = ("unshare", "--user", "--map-root-user", "true")
SWITCHES: tuple[tuple[str, str, str], ...] = (  # file, the value that forbids, what allows
    ("/proc/sys/user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=15000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "an AppArmor profile for this Chromium that allows userns, "
        "or sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
OTHERWISE = "in a container, a seccomp profile that allows clone and unshare with user namespaces"


def sandbox(settings: Settings) -> str:
    """The quick question first: where it is answered with no, Chromium itself may still have a way of its own."""
    if os.geteuid() == 0:
        return "off: Chromium refuses it to root; run as an ordinary user to have it"
    if _ends_well(PROBE) or _ends_well(chromium_probe(chromium_path(settings))):
        return "works for this user"
    raise Missing(f"the kernel gives this user no user namespaces, so no browser starts; it takes {what_allows()}")


def chromium_probe(program: str) -> tuple[str, ...]:
    """A page that is opened and told; without a sandbox Chromium ends before that."""
    return (program, "--headless=new", "--disable-gpu", "--no-first-run", "--dump-dom", "about:blank")


def what_allows(switches: tuple[tuple[str, str, str], ...] = SWITCHES) -> str:
    """The way out that fits this kernel; one for a container where the kernel forbids nothing."""
    for name, forbids, allows in switches:
        path = Path(name)
        if path.exists() and path.read_text().strip() == forbids:
            return allows
    return OTHERWISE


def _ends_well(argv: tuple[str, ...]) -> bool:
    with tempfile.TemporaryDirectory() as home:
        try:
            done = subprocess.run(
                argv,
                env={"PATH": os.defpath, "HOME": home, "TMPDIR": home},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PROGRAM_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 0
