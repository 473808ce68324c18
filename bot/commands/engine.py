"""`understudy engine`: look into a folder of video weights, make its prompts, serve it. Needs the engine's packages."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from bot.commands import engine_serve
from bot.config import Settings

HELP = "look into video weights, make their prompts, serve them"
NEEDED = ("torch", "safetensors")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    inspect = actions.add_parser("inspect", help="which model it is, whether every key fits, what it costs here")
    inspect.add_argument("folder", type=Path)
    inspect.add_argument("--device", help="cpu, cuda or cuda:1; the GPU if there is one")
    prompts = actions.add_parser("prompts", help="encode the speaking and listening prompts, once for a checkpoint")
    prompts.add_argument("folder", type=Path)
    serve = actions.add_parser("serve", help="faces for bots elsewhere: one group of processes behind a socket")
    engine_serve.arguments(serve)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from engine.api import EngineError

    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"understudy engine: {' and '.join(missing)} missing: "
            "run .venv/bin/pip install -c constraints.txt -e '.[engine]'",
            file=sys.stderr,
        )
        return 1
    try:
        if args.action == "serve":
            return engine_serve.run(args, settings)
        return {"inspect": _inspect, "prompts": _prompts}[args.action](args)
    except EngineError as error:
        print(f"understudy engine: {error} ({error.code})", file=sys.stderr)
        return 1


def _inspect(args: argparse.Namespace) -> int:
    from engine.diffusion.inspect import inspect

    report, fits = inspect(args.folder, device=args.device)
    print(report)
    return 0 if fits else 1


def _prompts(args: argparse.Namespace) -> int:
    from engine.diffusion.text import make_prompts

    print(f"prompts written to {make_prompts(args.folder)}")
    return 0
