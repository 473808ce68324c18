"""Runs a command as a container engine would: as an ordinary user, without new rights, under a seccomp profile.

    python under_seccomp.py PROFILE WITHOUT UID COMMAND...

WITHOUT names syscalls, joined by commas, that are taken out of the profile; "-" for none. Loads the profile by
libseccomp, as engines do; of its format only what ours uses.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import sys
from pathlib import Path

ALLOW = 0x7FFF0000  # seccomp(2), SECCOMP_RET_ALLOW
ERRNO = 0x00050000
NO_NEW_PRIVS = 38  # prctl(2)


def load(profile: dict[str, object], without: set[str]) -> None:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint]
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    filters = library.seccomp_init(ERRNO | int(str(profile["defaultErrnoRet"])))
    for group in profile["syscalls"]:  # type: ignore[attr-defined]
        for name in group["names"]:
            number = library.seccomp_syscall_resolve_name(name.encode())
            known = name not in without and number >= 0  # below 0: this kind of processor has no such call
            if known and library.seccomp_rule_add(filters, ALLOW, number, 0) != 0:
                raise OSError(errno.EINVAL, f"{name} is no rule")
    if library.seccomp_load(filters) != 0:
        raise OSError(errno.EINVAL, "the kernel does not take the profile")


def main() -> None:
    path, without, uid, *command = sys.argv[1:]
    os.setgroups([])
    os.setgid(int(uid))
    os.setuid(int(uid))
    ctypes.CDLL(None).prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    load(json.loads(Path(path).read_text()), set(without.split(",")))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
