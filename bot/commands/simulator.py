"""`understudy simulator`: the meeting server alone, with one meeting open in it."""

from __future__ import annotations

import argparse
import asyncio
from urllib.parse import urlsplit

from bot.config import Settings, is_meeting_host

HELP = "a meeting server to test against"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8480, help="0 takes a free one")
    parser.add_argument("--code", default=None, help="code of the first meeting, abc-defg-hij (default: made up)")
    parser.add_argument("--no-lobby", action="store_true", help="let everyone in at once")
    parser.add_argument("--refuse", default=None, metavar="CODE", help="show this refusal instead, e.g. meeting_full")
    parser.add_argument("--url", default="", metavar="URL", help="where others reach it, e.g. http://simulator:8480")
    parser.add_argument("--token", default=None, help="of the control API (default: made up)")
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
    from connectors.simulator.control import InvalidRequest, policy_of

    port = free_port(args.host, args.port, otherwise="choose another with --host and --port")
    try:
        policy = policy_of({"lobby": not args.no_lobby, "refuse": args.refuse})
        simulator = SimulatorServer(
            args.host, port, control_token=args.token, platform=args.platform, public_url=args.url
        )
        room = simulator.create_meeting(policy, code=args.code)
    except (InvalidRequest, ValueError) as error:
        raise BadInput(str(error)) from error
    async with simulator:
        print(f"meeting        {simulator.url(room)}")
        print(f"host controls  {simulator.host_url(room)}")
        print(f"control token  {simulator.control_token}")
        print(*how_to_join(simulator.url(room)), sep="\n", end="", flush=True)
        await asyncio.Event().wait()


def how_to_join(url: str) -> list[str]:
    """What bots have to be told before they join there; nothing on this machine."""
    from connectors.urls import find_meeting

    if find_meeting(url) is not None:
        return []
    parts = urlsplit(url)
    named = parts.netloc if parts.scheme == "https" else f"{parts.scheme}://{parts.netloc}"
    if not is_meeting_host(named):
        return ["bots           join no such address: give it a name by --url http://NAME:PORT", ""]
    return [f"bots need      UNDERSTUDY_MEETING_HOSTS={named}", ""]
