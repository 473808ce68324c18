"""Where painters come from: a process that has everything loaded and forks for each session. Knows no session.

python -m engine.portrait.nursery CONTROL PARENT CACHE_DIR. It says `.` on its control socket for each step of loading
and compiling, so that slow is told from stuck, then `!`. Then it is sent two descriptors at a time, a session's socket
and its frames' memory, and forks a painter that serves them (`process.py`). What is loaded and compiled is thereby in
memory once, however many faces there are. It ends with its control socket and with its parent; its painters end with
their sockets and with it. Without words it compiles, keeps that beside the source, and ends.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

from engine.portrait.parent import be_told_of_its_end

GOES_ON, READY = b".", b"!"


def main(arguments: list[str]) -> None:
    if not arguments:
        _load("", lambda: None)
        return
    control_fd, parent, cache_dir = int(arguments[0]), int(arguments[1]), arguments[2]
    _die_with(parent)
    with socket.socket(fileno=control_fd) as control:
        _load(cache_dir, lambda: control.sendall(GOES_ON))
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever opened a session waits for its painter, nobody else
        control.sendall(READY)
        while True:
            try:
                asked, descriptors, _, _ = socket.recv_fds(control, 1, 2)
            except ConnectionError:
                return
            if not asked:
                return
            _fork(control, descriptors)


def _load(cache_dir: str, goes_on: Callable[[], None]) -> None:
    """Everything a painter needs but its character."""
    import numba
    from numba.core import event

    if cache_dir:  # before the first compiled function is imported
        setattr(numba.config, "CACHE_DIR", cache_dir)  # noqa: B010 - made at run time
    from engine.portrait import face, process, record, render

    assert face and process and record  # loaded for the painters
    goes_on()
    with event.install_listener("numba:run_pass", steps(goes_on)):
        render.load_loops()
    gc.collect()
    gc.freeze()  # a collection in a painter would otherwise write to, and so copy, all of it


def steps(goes_on: Callable[[], None]) -> Any:
    """A listener that says so whenever the compiler has finished a step of a function."""
    from numba.core import event

    class Steps(event.Listener):
        def on_start(self, event: object) -> None:
            pass

        def on_end(self, event: object) -> None:
            goes_on()

    return Steps()


def _fork(control: socket.socket, descriptors: list[int]) -> None:
    nursery = os.getpid()
    if os.fork():
        for descriptor in descriptors:
            os.close(descriptor)
        return
    from engine.portrait.process import serve

    status = 1
    try:
        control.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _die_with(nursery)
        serve(*descriptors)
        status = 0
    finally:
        if status:  # its session only sees that it ended
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(status)  # a painter must not go on as a nursery


def _die_with(parent: int) -> None:
    be_told_of_its_end(signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
