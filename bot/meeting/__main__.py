"""The meeting process, as `bot/meeting/parent.py` starts it: `python -m bot.meeting BOT_ID`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from bot.meeting.signals import ENDING


def main() -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # before the imports, which take seconds on a busy machine
    from bot import log
    from bot.config import load_settings
    from bot.errors import BotError
    from bot.meeting.outcome import FAILURES
    from bot.meeting.run import Launch, attend

    log.tell_uncaught()
    parser = argparse.ArgumentParser(prog="python -m bot.meeting")
    parser.add_argument("bot_id")
    parser.add_argument("--attempt", type=int)
    parser.add_argument("--task-id")
    parser.add_argument("--kill-fd", type=int, default=-1)
    args = parser.parse_args()
    launch = Launch(bot_id=args.bot_id, attempt=args.attempt, task_id=args.task_id, kill_fd=args.kill_fd)
    try:
        settings = load_settings()
        log.configure(level=settings.log_level, as_json=settings.log_json, personal=settings.log_personal)
        return asyncio.run(attend(settings, launch))
    except BotError as error:
        print(f"understudy run: {error} ({error.code})", file=sys.stderr)
        return FAILURES[error.code].exit_code if error.code in FAILURES else 1


raise SystemExit(main())
