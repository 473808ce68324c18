"""The Celery tasks: each parses, calls one function, and says when to try again."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from bot.errors import BotError
from bot.log import get_log
from bot.scheduling.launchers import Launch, Launcher

log = get_log(__name__)

LAUNCH_BOT = "launch_bot"
RETRY_S = 2
RETRIES = 8  # then the lease's launch deadline is near, and the reaper schedules the bot again


def add_tasks(app: Celery, launcher: Launcher) -> None:
    @app.task(name=LAUNCH_BOT, bind=True, max_retries=RETRIES)  # type: ignore[untyped-decorator]
    def launch_bot(task: Any, bot_id: str, attempt: int) -> None:
        launch = Launch(bot_id=bot_id, attempt=attempt, task_id=task.request.id, worker_pid=os.getpid())
        try:
            launcher.start(launch)
        except BotError as error:
            log.warning("a launch was refused", bot_id=bot_id, attempt=attempt, code=error.code)
            if error.retryable:
                raise task.retry(exc=error, countdown=RETRY_S) from error
