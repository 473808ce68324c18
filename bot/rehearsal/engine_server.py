"""An engine server on this machine, as a part of a demo's tree: a tiny random model, parted, with a decoder of its own.

What it shows is the way of a deployment (processes, sums, latents sent, a socket); the picture is noise.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from bot.config import Settings, child_environment
from bot.rehearsal.meeting import HOST, free_port
from bot.supervision.engine_ready import ready
from bot.supervision.engine_token import local_token
from bot.supervision.installation import ROOT, command
from bot.supervision.tree import ChildSpec

READY_S = 240.0  # each process imports torch
DRAIN_S = 2.0


def tiny_engine_server(settings: Settings, ways: int) -> tuple[Settings, ChildSpec]:
    """The settings with which bots use it, and the child."""
    port, token = free_port(), settings.engine_token or local_token(settings)
    settings = replace(settings, engine_urls=f"http://{HOST}:{port}", engine_token=token)
    words: tuple[str, ...] = (
        "--preset",
        "tiny",
        "--tp",
        str(ways),
        "--device",
        "cpu",
        "--decode-device",
        "cpu",
        "--sessions",
        "2",
    )
    words += ("--host", HOST, "--port", str(port), "--drain-s", str(DRAIN_S))
    child = ChildSpec(
        name="engine-server",
        argv=command("engine", "serve", *words),
        folder=ROOT,
        environment=child_environment(settings),
        ready=partial(ready, port, token),
        ready_timeout_s=READY_S,
    )
    return settings, child
