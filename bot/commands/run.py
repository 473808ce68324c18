"""`understudy run BOT_ID`: one bot in one meeting, from joining to goodbye, in a process tree of its own.

Exit codes: 0 attended and left in order, or to be sent anew; 10-29 the meeting refused it; 30-46 a part failed (each
named in `bot/meeting/outcome.py` and in the bot's last event); 50 another process owns the bot; 128 + N ended by
signal N.
"""

from __future__ import annotations

import argparse

from bot.config import Settings

HELP = "one bot in one meeting"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bot_id", metavar="BOT_ID", help="of a bot that a dispatcher has claimed; see `up`")
    parser.add_argument("--attempt", type=int, help="the fencing token of the launch; the current one when left out")
    parser.add_argument("--task-id", help="the Celery task that asked for the launch; recorded with the start")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from bot.meeting.parent import run_bot

    return run_bot(args.bot_id, attempt=args.attempt, task_id=args.task_id)
