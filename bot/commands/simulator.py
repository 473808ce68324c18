"""`understudy simulator`: the meeting server alone, with one meeting open in it."""

from __future__ import annotations

import argparse
import asyncio

from bot.config import Settings

HELP = "a meeting server to test against"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8480, help="0 takes a free one")
    parser.add_argument("--code", default=None, help="code of the first meeting, abc-defg-hij (default: made up)")
    parser.add_argument("--no-lobby", action="store_true", help="let everyone in at once")
    parser.add_argument("--refuse", default=None, metavar="CODE", help="show this refusal instead, e.g. meeting_full")
    parser.add_argument(
        "--platform", default="meet", choices=("meet", "teams", "zoom"), help="whose page the link opens"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_serve(args))
    return 0


async def _serve(args: argparse.Namespace) -> None:
    from bot.errors import BadInput
    from bot.supervision.installation import free_port
    from connectors.simulator import SimulatorServer
    from connectors.simulator.server import policy_of

    port = free_port(args.host, args.port, otherwise="choose another with --host and --port")
    async with SimulatorServer(args.host, port) as simulator:
        try:
            policy = policy_of({"lobby": not args.no_lobby, "refuse": args.refuse})
            room = simulator.create_meeting(policy, code=args.code)
        except ValueError as error:
            raise BadInput(str(error)) from error
        print(f"meeting        {simulator.url(room, args.platform)}")
        print(f"host controls  {simulator.host_url(room)}")
        print(f"control token  {simulator.control_token}", flush=True)
        await asyncio.Event().wait()
