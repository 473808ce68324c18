"""How a bot's process comes to be: the port, and one file per way. Asked by a Celery task, so every call is short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.errors import Conflict, Unavailable
from bot.store.bots import HOST_FULL


class HostUnavailable(Unavailable):
    """The bot host does not answer; is `understudy bot-host` running?"""

    code = "bot_host_unavailable"


class HostFull(Unavailable):
    """This host runs as many bots as UNDERSTUDY_MAX_BOTS allows."""

    code = HOST_FULL


class LaunchRefused(Conflict):
    """The bot is not to be launched with this attempt: it was cancelled, is over, or another attempt runs it."""

    code = "launch_refused"


class LaunchFailed(Unavailable):
    """The bot's process could not be started; the bot host's log says why."""

    code, retryable = "launch_failed", False


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    bot_id: str
    attempt: int
    task_id: str  # of the Celery task that asks
    worker_pid: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Launched:
    pid: int | None  # None: started before, by a host that is no more
    new: bool  # False: this attempt had been started before, nothing was done


class Launcher(Protocol):
    def start(self, launch: Launch) -> Launched:
        """Start the bot's process, once per bot and attempt. Blocks for at most 10 s.
        Raises HostUnavailable, HostFull, LaunchRefused, LaunchFailed."""
        ...
