"""Celery, as an edge: short nudges over Redis or RabbitMQ, nothing kept. Knows which task there is; the tasks hold no
logic.

No meeting lives inside a task: Redis hands a message that is not acknowledged within the visibility timeout to a second
worker, RabbitMQ one whose worker's connection broke, so whatever a task does takes seconds and may be done twice.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import kombu.exceptions
from celery import Celery

from bot.config import Settings
from bot.scheduling.launchers import Launcher
from bot.scheduling.launchers.kubernetes import KubernetesLauncher
from bot.scheduling.launchers.subprocess import SubprocessLauncher, host_socket
from bot.scheduling.relay import BrokerUnavailable, Publish
from bot.scheduling.tasks import LAUNCH_BOT, LAUNCH_BOTS, add_tasks

LAUNCH_QUEUE = "launch"
SOFT_TIME_LIMIT_S, TIME_LIMIT_S = 30, 45
VISIBILITY_TIMEOUT_S = 300  # more than twice the time limit and any countdown
CONNECT_TIMEOUT_S = 5
CONFIRM_TIMEOUT_S = 5.0
CHECK_TIMEOUT_S = 5.0


def broker_url(settings: Settings) -> str:
    """The broker of this installation: as set, else the private Redis on a socket in its home."""
    return settings.broker_url or f"redis+socket://{settings.home / 'run' / 'redis.sock'}"


def make_celery(settings: Settings) -> Celery:
    """The application, for a worker and for whoever sends."""
    app = Celery("understudy", broker=broker_url(settings), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_default_queue=LAUNCH_QUEUE,
        task_acks_late=True,
        task_reject_on_worker_lost=True,  # a task that is repeated finds its work done
        task_soft_time_limit=SOFT_TIME_LIMIT_S,
        task_time_limit=TIME_LIMIT_S,
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=10,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=CONNECT_TIMEOUT_S,
        broker_transport_options=_transport_options(broker_url(settings)),
    )
    add_tasks(app, launcher(settings))
    return app


def launcher(settings: Settings) -> Launcher:
    """How bots come to be in this installation."""
    if settings.kubernetes_template:
        return KubernetesLauncher(settings.kubernetes_template)
    return SubprocessLauncher(host_socket(settings.home))


def worker_name() -> str:
    """Of the worker on this host."""
    return f"understudy@{platform.node()}"


def worker_answers(app: Celery, *, timeout_s: float = CHECK_TIMEOUT_S) -> bool:
    """Does the worker on this host take orders? False without a broker."""
    try:
        return bool(app.control.ping(destination=[worker_name()], timeout=timeout_s))
    except _troubles(app):
        return False


def connect(app: Celery) -> None:
    """What the library leaves to the first message, done before there is one: its parts, the connection, the queue.
    Blocks. Raises BrokerUnavailable; the first message then tries anew."""
    try:
        with app.producer_pool.acquire(block=True) as producer:
            producer.maybe_declare(app.amqp.queues[LAUNCH_QUEUE])
            _ = app.backend, app.amqp.send_task_message, app.amqp.router
    except _troubles(app) as error:
        raise BrokerUnavailable from error


async def connect_ahead(app: Celery) -> None:
    """Connect while nothing is due. A broker that is away is told of by the first message."""
    with suppress(BrokerUnavailable):
        await asyncio.to_thread(connect, app)


def launch_routes(app: Celery) -> dict[str, Publish]:
    """The relay's table: a claimed bot becomes a task that asks for its launch; some claimed together, one task."""
    troubles = _troubles(app)
    options: dict[str, Any] = {"retry": False, "confirm_timeout": CONFIRM_TIMEOUT_S}

    def publish(payloads: Sequence[Mapping[str, Any]]) -> None:
        launches = [(payload["bot_id"], payload["attempt"]) for payload in payloads]
        # The same name for the same launch, however often it is sent.
        name = "launch-{}-{}".format(*launches[0])
        alone = len(launches) == 1
        try:
            if alone:
                app.send_task(LAUNCH_BOT, args=launches[0], task_id=name, **options)
            else:
                app.send_task(LAUNCH_BOTS, args=[launches], task_id=f"{name}+{len(launches) - 1}", **options)
        except troubles as error:
            raise BrokerUnavailable from error

    return {"bot.claimed": publish}


def _troubles(app: Celery) -> tuple[type[Exception], ...]:
    """What a broker that is away, full, or refuses us shows itself as: the library's word for it, or the driver's."""
    with app.connection_for_write() as connection:  # opens nothing
        drivers = (*connection.connection_errors, *connection.channel_errors)
    return (kombu.exceptions.OperationalError, OSError, *drivers)


# A broker that is away is told of at once: the message waits in the outbox, not in a sender.
_AT_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
_REDIS = {
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    # Look every 5 s for messages a dead worker took with it; the default looks every 100 s.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    "socket_timeout": 30,
    "retry_on_timeout": True,
    **_AT_ONCE,
}
_RABBITMQ = {"confirm_publish": True, **_AT_ONCE}  # without, a message on its way into a dead broker counts as sent
_TRANSPORTS = {"redis": _REDIS, "rediss": _REDIS, "redis+socket": _REDIS, "amqp": _RABBITMQ, "amqps": _RABBITMQ}


def _transport_options(url: str) -> dict[str, Any]:
    return dict(_TRANSPORTS[url.partition("://")[0]])
