"""From a due bot to a running process through real parts: Redis, Celery worker, dispatcher, bot host; on each database
and each kind of broker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from functools import partial

import psutil
import pytest

from bot.clock import RealClock
from bot.config import Settings, environment_of
from bot.domain.lifecycle import BotState
from bot.scheduling.celery_app import launch_routes, make_celery
from bot.scheduling.dispatcher import Dispatcher
from bot.scheduling.launchers.subprocess import host_socket
from bot.store import bots
from tests.bot.clocks import until
from tests.bot.scheduling.brokers import redis
from tests.bot.scheduling.rabbit import rabbitmq
from tests.bot.stores import seeded

pytestmark = [pytest.mark.slow, pytest.mark.parallel]
OF_ACCEPTANCE = [pytest.mark.acceptance, pytest.mark.postgres]

PLAYS_BOT = (sys.executable, "-c", "import time; time.sleep(120)", "{bot_id}", "{attempt}", "{task_id}")
HOST = """
import asyncio, json, sys
from pathlib import Path
from bot.clock import RealClock
from bot.commands.stopping import stop_event
from bot.scheduling.host import BotHost
from bot.store.session import Database

async def main(url, socket, logs, argv):
    async with Database.open(url) as database:
        host = BotHost(database, socket=Path(socket), logs=Path(logs), max_bots=4, clock=RealClock(), argv=argv)
        await host.run(stop_event())

asyncio.run(main(*sys.argv[1:4], json.loads(sys.argv[4])))
"""


@contextmanager
def child(*argv, env=None):
    """A real process, ended with its whole group."""
    process = subprocess.Popen(argv, env={**os.environ, **(env or {})}, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Installation:
    """Broker and host as processes; workers are started and ended by the test."""

    def __init__(self, stack, store, home, broker):
        self.settings = Settings(home=home, database_url=store.url, broker_url=broker.url)
        self.store, self._stack, self.broker = store, stack, broker
        self.socket = host_socket(home)
        self.start_host()

    def start_host(self):
        home = self.settings.home
        where = (self.store.url, str(host_socket(home)), str(home / "logs"), json.dumps(PLAYS_BOT))
        self.host = self._stack.enter_context(child(sys.executable, "-c", HOST, *where))

    def worker(self):
        return child(sys.executable, "-m", "bot", "worker", env=environment_of(self.settings))

    def dispatcher(self):
        routes = launch_routes(make_celery(self.settings))
        return Dispatcher(self.store.database, routes, clock=RealClock())

    async def started(self, bot):
        async with self.store.database.read() as session:
            events = await bots.events(session, bot.id)
        return next((event for event in events if event.kind == "process.launched"), None)


@pytest.fixture(
    params=[
        ("sqlite_template", partial(redis, by_url=False)),
        pytest.param(("postgres_template", partial(redis, by_url=True)), marks=OF_ACCEPTANCE),
        pytest.param(("postgres_template", rabbitmq), marks=OF_ACCEPTANCE),
    ],
    ids=["SQLite, the private broker", "PostgreSQL, a broker by URL", "PostgreSQL, RabbitMQ"],
)
async def installation(request, tmp_path):
    template, serving = request.param
    with ExitStack() as stack:
        async with seeded(await request.getfixturevalue(template).fresh(tmp_path)) as store:
            made = Installation(stack, store, tmp_path, stack.enter_context(serving(tmp_path)))
            await until(made.socket.exists)
            yield made


async def test_a_due_bot_becomes_a_process_of_the_host_and_outlives_the_worker(installation):
    bot = await installation.store.bot(at=RealClock().now())
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(installation.dispatcher().run())
        with installation.worker() as worker:
            await until(lambda: installation.started(bot), timeout_s=60)
            launched = await installation.started(bot)
            async with installation.store.database.read() as session:
                events = await bots.events(session, bot.id)
        assert worker.returncode is not None
        process = psutil.Process(launched.data["pid"])
        assert process.ppid() == installation.host.pid == launched.data["bot_host_pid"]
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    starting = next(event for event in events if event.state is BotState.STARTING)
    assert starting.data["task_id"] == f"launch-{bot.id}-1"
    assert starting.data["worker_pid"] not in (os.getpid(), installation.host.pid, process.pid)
    installation.host.terminate()
    installation.host.wait(30)
    assert not psutil.pid_exists(process.pid)


async def test_a_message_sent_while_no_worker_lives_starts_the_bot_once_one_does(installation):
    bot = await installation.store.bot(at=RealClock().now())
    dispatcher = installation.dispatcher()
    await dispatcher.dispatch()
    with installation.worker() as killed:
        os.kill(killed.pid, signal.SIGKILL)
    with installation.worker():
        await until(lambda: installation.started(bot), timeout_s=60)


async def test_bots_are_told_to_leave_when_their_host_is_killed(installation):
    bot = await installation.store.bot(at=RealClock().now())
    await installation.dispatcher().dispatch()
    with installation.worker():
        await until(lambda: installation.started(bot), timeout_s=60)
    process = psutil.Process((await installation.started(bot)).data["pid"])
    installation.host.kill()
    await until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.acceptance
async def test_a_launch_that_a_killed_worker_took_along_is_made_again_within_30_s(installation):
    bot = await installation.store.bot(at=RealClock().now())
    installation.host.send_signal(signal.SIGSTOP)  # the worker waits for it, with the launch in its hands
    dispatching = asyncio.create_task(installation.dispatcher().run())
    with installation.worker() as killed:
        await until(installation.broker.in_hands, timeout_s=60)
        for process in [*psutil.Process(killed.pid).children(recursive=True), psutil.Process(killed.pid)]:
            process.kill()
    installation.host.kill()
    installation.start_host()
    with installation.worker():
        await until(lambda: installation.started(bot), timeout_s=30)
    dispatching.cancel()
    await asyncio.gather(dispatching, return_exceptions=True)
    assert (await installation.started(bot)).attempt == 2
