"""`understudy engine serve`: an engine group behind a socket, until it is asked to stop; then it drains."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bot.commands.stopping import stop_event
from bot.config import Settings
from bot.errors import BadInput
from bot.supervision.engine_token import token_of

PORT = 8460
MOST_MEASURED = 16  # sessions tried by --sessions auto


def arguments(parser: argparse.ArgumentParser) -> None:
    weights = parser.add_mutually_exclusive_group(required=True)
    weights.add_argument("--checkpoint", type=Path, metavar="DIR", help="folder of weights")
    weights.add_argument("--preset", metavar="NAME", help="random weights of this shape instead: tiny, tiny-3, ...")
    parser.add_argument("--tp", type=int, default=1, metavar="N", help="devices the transformer is parted over")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="the GPUs if there are any")
    parser.add_argument(
        "--decode-device",
        default="same",
        metavar="D",
        help="cpu or cuda:N decodes beside the others; same: the first device does both, one after the other",
    )
    parser.add_argument("--path", default=None, help="eager, compile, graph, compiled-graph")
    parser.add_argument(
        "--sessions", type=_sessions, default=1, metavar="N", help="how many at a time; auto: as many as keep up here"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=PORT, help="0 takes a free one")
    parser.add_argument(
        "--drain-s", type=float, default=60.0, metavar="S", help="how long sessions may go on at the end"
    )
    parser.add_argument("--never-hold", action="store_true", help="make every frame, however late: for comparisons")


def run(args: argparse.Namespace, settings: Settings) -> int:
    token = token_of(settings, args.host)
    asyncio.run(_serve(args, token))
    return 0


async def _serve(args: argparse.Namespace, token: str) -> None:
    from bot.supervision.installation import free_port
    from engine.diffusion.config import PRESETS
    from engine.diffusion.devices import best_device
    from engine.diffusion.group import GroupOptions
    from engine.diffusion.group_engine import GroupEngine
    from engine.server import EngineServer

    if args.preset is not None and args.preset not in PRESETS:
        raise BadInput(f"no preset is called {args.preset!r}; there are: {', '.join(PRESETS)}")
    if args.tp < 1:
        raise BadInput("--tp is at least 1")
    stop = stop_event()
    device = args.device or best_device()
    options = GroupOptions(
        tp=args.tp,
        device=device,
        decode_device=args.decode_device,
        checkpoint=str(args.checkpoint) if args.checkpoint else None,
        preset=args.preset or "tiny",
        path=args.path or ("graph" if device == "cuda" and args.tp == 1 else "eager"),
        most_together=args.sessions or MOST_MEASURED,
    )
    port = free_port(args.host, args.port, otherwise="choose another with --host and --port")
    most_measured = 0 if args.sessions else MOST_MEASURED
    engine = GroupEngine(options, keep_time=not args.never_hold, most_measured=most_measured)
    async with EngineServer(engine, token=token, host=args.host, port=port, most_sessions=args.sessions) as server:
        print(f"listening  {server.url}", flush=True)
        warm, asked = asyncio.create_task(server.until_warm()), asyncio.create_task(stop.wait())
        await asyncio.wait((warm, asked), return_when=asyncio.FIRST_COMPLETED)
        if warm.done():
            warm.result()  # raises why it never will be
            print("ready", flush=True)
        await asked
        await server.drain(args.drain_s)


def _sessions(word: str) -> int | None:
    """None: to be measured."""
    if word == "auto":
        return None
    if (number := int(word)) < 1:
        raise argparse.ArgumentTypeError("at least one session, or auto")
    return number
