"""A small owner of a tree, run by the tests as a process of its own.

`python -m tests.bot.supervision.owner FOLDER CHILD...` starts the named children, writes their pids to
FOLDER/pids.json, and waits to be stopped. A `!` after a name gives it a minute to stop.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from bot.supervision.probes import file_exists
from bot.supervision.tree import ChildSpec, Restarts, Tree, run_tree

# name: what the child does, given its folder as first argument; each writes NAME.ready when it stands
CHILDREN = {
    "polite": """
import signal, sys
def stop(*_):
    open(folder + "/stopped", "a").write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
ready()
while True: signal.pause()
""",
    "deaf": """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
ready()
while True: signal.pause()
""",
    "forker": """
import os, signal
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(folder + "/grandchild", "w").write(str(os.getpid()))
        while True: signal.pause()
    os._exit(0)
os.wait()
ready()
while True: signal.pause()
""",
    "mayfly": """
open(folder + "/starts", "a").write("x")
ready()
""",
}
CHILDREN["second"] = CHILDREN["polite"]
PREFACE = """
import sys
folder, name = sys.argv[1:3]
def ready(): open(folder + "/" + name + ".ready", "w").close()
"""


def spec(name: str, folder: Path, *, stop_timeout_s: float = 5.0) -> ChildSpec:
    return ChildSpec(
        name=name,
        argv=(sys.executable, "-S", "-c", PREFACE + CHILDREN[name], str(folder), name),
        ready=file_exists(folder / f"{name}.ready"),
        ready_timeout_s=20.0,
        stop_timeout_s=stop_timeout_s,
        restarts=Restarts(most=2, first_delay_s=0.01),
    )


async def own(folder: Path, names: list[str]) -> None:
    stop_timeout_s = 0.5 if "deaf" in names else 5.0
    specs = [spec(name.rstrip("!"), folder, stop_timeout_s=60.0 if "!" in name else stop_timeout_s) for name in names]

    async def wait(tree: Tree) -> None:
        pids = {child.name: tree.pid_of(child.name) for child in specs}
        (folder / "pids.part").write_text(json.dumps(pids))
        (folder / "pids.part").rename(folder / "pids.json")
        await tree.until_stopped()

    await run_tree(specs, log_folder=folder / "logs", body=wait)


if __name__ == "__main__":
    asyncio.run(own(Path(sys.argv[1]), sys.argv[2:]))
