"""The command line: a table of subcommands, each a module in `bot/commands`, imported only when it is asked for.

A command module has `HELP: str`, `arguments(parser) -> None` and `run(args, settings) -> int` (the exit code).
Exit codes: 0 done, 1 failed with a message, 2 wrong usage, 130 interrupted; a command may document more.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from bot import log
from bot.config import load_settings, prepare_home
from bot.errors import BotError

COMMANDS: dict[str, tuple[str, str]] = {  # name: (module, one line for --help)
    "demo": ("bot.commands.demo", "a bot joins a meeting on this machine and talks with you"),
    "up": ("bot.commands.up", "API, worker, dispatcher, bot host and broker as one tree"),
    "api": ("bot.commands.api", "the HTTP API alone"),
    "worker": ("bot.commands.worker", "a Celery worker alone"),
    "dispatcher": ("bot.commands.dispatcher", "claims due bots, relays the outbox, reaps the dead"),
    "courier": ("bot.commands.courier", "brings webhooks to users' servers"),
    "calendar-keeper": ("bot.commands.calendar_keeper", "reads calendars and looks after their bots"),
    "bot-host": ("bot.commands.bot_host", "owns the bot processes of this host"),
    "run": ("bot.commands.run", "one bot in one meeting, as the bot host starts it"),
    "bots": ("bot.commands.bots", "send, watch, move and stop bots, by the API"),
    "kill": ("bot.commands.kill", "kill switch: a bot, or all of them, silent and gone at once"),
    "simulator": ("bot.commands.simulator", "a meeting server to test against"),
    "character": ("bot.commands.character", "list, import, look at characters"),
    "knowledge": ("bot.commands.knowledge", "give a character something to know"),
    "turns": ("bot.commands.turns", "what a bot decided and said, turn by turn"),
    "calendar": ("bot.commands.calendar", "have bots follow a calendar, and see why"),
    "webhooks": ("bot.commands.webhooks", "have a server told what happens"),
    "keys": ("bot.commands.keys", "make API keys"),
    "audit": ("bot.commands.audit", "who changed what, and whether the trail is whole"),
    "secrets": ("bot.commands.secrets", "change the keys that seal secrets"),
    "db": ("bot.commands.db", "bring the database to this version"),
    "doctor": ("bot.commands.doctor", "what is here, what is missing, how to get it"),
    "engine": ("bot.commands.engine", "look into video weights, make their prompts"),
    "bench": ("bot.commands.bench", "run a benchmark; its last line is JSON"),
    "test": ("bot.commands.test", "run the tests"),
}

HOMELESS = frozenset({"doctor", "bench", "test", "simulator"})  # these keep nothing


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="understudy", description="Send a talking character into a video meeting.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen: ModuleType | None = None
    for name, (module, line) in COMMANDS.items():
        subparser = commands.add_parser(name, help=line, description=line)
        if arguments[:1] == [name]:
            chosen = importlib.import_module(module)
            chosen.arguments(subparser)
    parsed = parser.parse_args(arguments)
    assert chosen is not None
    try:
        settings = load_settings()
        if parsed.command not in HOMELESS:
            prepare_home(settings)
        log.configure(level=settings.log_level, as_json=settings.log_json, personal=settings.log_personal)
        return int(chosen.run(parsed, settings))
    except BotError as error:
        return _failed(parsed.command, error)
    except BaseExceptionGroup as group:  # of tasks beside each other
        known, other = group.split(BotError)
        if known is None or other is not None:
            raise
        return _failed(parsed.command, _first(known))
    except KeyboardInterrupt:
        return 130


def _failed(command: str, error: BotError) -> int:
    print(f"understudy {command}: {error} ({error.code})", file=sys.stderr)
    return 1


def _first(group: BaseExceptionGroup[BotError]) -> BotError:
    one = group.exceptions[0]
    return _first(one) if isinstance(one, BaseExceptionGroup) else one
