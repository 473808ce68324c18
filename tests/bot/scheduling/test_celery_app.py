"""Celery's settings: short, repeatable, unpickled messages; and a task that only asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery.exceptions import Retry

from bot.config import Settings
from bot.scheduling.celery_app import LAUNCH_QUEUE, TIME_LIMIT_S, broker_url, connect, launch_routes, make_celery
from bot.scheduling.relay import BrokerUnavailable
from bot.scheduling.tasks import LAUNCH_BOT, LAUNCH_BOTS, RETRIES, RETRY_S
from tests.bot.scheduling.brokers import DATABASE, PASSWORD, redis

CLAIM = {"bot_id": "b", "attempt": 1}


@pytest.fixture
def app(tmp_path):
    return make_celery(Settings(home=tmp_path))


def test_the_default_broker_is_the_private_socket_of_the_home():
    assert broker_url(Settings(home=Path("/srv/u"))) == "redis+socket:///srv/u/run/redis.sock"
    assert broker_url(Settings(broker_url="redis://host/1")) == "redis://host/1"


def test_no_message_can_outlive_its_task_or_carry_a_pickle(app):
    visibility_s = app.conf.broker_transport_options["visibility_timeout"]
    assert visibility_s > 2 * TIME_LIMIT_S and visibility_s > RETRIES * RETRY_S
    assert list(app.conf.accept_content) == ["json"] and app.conf.result_backend is None
    assert app.conf.task_acks_late and app.conf.worker_prefetch_multiplier == 1


def test_a_launch_without_a_host_is_tried_again(app):
    with pytest.raises(Retry):
        app.tasks[LAUNCH_BOT].apply(args=["bot", 1], throw=True)


def test_of_launches_asked_for_together_those_refused_for_now_are_tried_again(app):
    with pytest.raises(Retry) as again:
        app.tasks[LAUNCH_BOTS].apply(args=[[("one", 1), ("two", 1)]], throw=True)
    (launches,) = again.value.sig.args
    assert [tuple(launch) for launch in launches] == [("one", 1), ("two", 1)]


def test_without_a_broker_publishing_is_a_typed_error(app):
    with pytest.raises(BrokerUnavailable):
        connect(app)
    with pytest.raises(BrokerUnavailable):
        launch_routes(app)["bot.claimed"]([CLAIM])


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.parametrize("by_url", [False, True], ids=["the private broker", "by URL"])
def test_a_launch_waits_in_the_broker_that_was_set_and_in_its_database(tmp_path, by_url):
    with redis(tmp_path, by_url=by_url) as broker:
        app = make_celery(Settings(home=tmp_path, broker_url=broker.url))
        connect(app)
        assert broker.client.llen(LAUNCH_QUEUE) == 0, "nothing is sent by being ready to"
        launch_routes(app)["bot.claimed"]([CLAIM])
        app.close()
        assert [key for key in broker.client.scan_iter() if b"_kombu" not in key] == [LAUNCH_QUEUE.encode()]
        assert broker.client.llen(LAUNCH_QUEUE) == 1
        assert broker.client.info("keyspace").keys() == {f"db{DATABASE}" if by_url else "db0"}


@pytest.mark.slow
@pytest.mark.parallel
def test_a_broker_that_refuses_the_password_is_told_of_without_the_password(tmp_path):
    with redis(tmp_path, by_url=True) as broker:
        app = make_celery(Settings(home=tmp_path, broker_url=broker.url.replace("w%40rd", "wrong")))
        with pytest.raises(BrokerUnavailable) as refused:
            launch_routes(app)["bot.claimed"]([CLAIM])
    assert PASSWORD[:4] not in str(refused.value) and "wrong" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.parallel
def test_a_broker_that_is_full_is_told_of(tmp_path):
    with redis(tmp_path, by_url=False) as broker:
        broker.client.config_set("maxmemory", 1)
        with pytest.raises(BrokerUnavailable):
            launch_routes(make_celery(Settings(home=tmp_path)))["bot.claimed"]([CLAIM])


def test_a_message_to_rabbitmq_counts_as_sent_once_it_is_confirmed(tmp_path):
    options = make_celery(Settings(home=tmp_path, broker_url="amqp://me:pw@host//")).conf.broker_transport_options
    assert options["confirm_publish"] and options["max_retries"] == 1 and "visibility_timeout" not in options
