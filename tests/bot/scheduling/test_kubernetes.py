"""Bots as Jobs of a cluster, against a server that answers as the cluster's API does: made once, under one name."""

from __future__ import annotations

import argparse
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.commands import bot_host
from bot.errors import BotError
from bot.scheduling.host import LEAVE_GRACE_S
from bot.scheduling.launchers import HostFull, HostUnavailable, Launch, LaunchFailed
from bot.scheduling.launchers.kubernetes import BadTemplate, Cluster, KubernetesLauncher, job_name, job_of
from tests.deploy.composed import DEPLOY

PARTS: dict[str, Any] = {
    part["kind"]: part for part in yaml.safe_load_all((DEPLOY / "kubernetes" / "bots.yaml").read_text())
}
LAUNCH = Launch(bot_id="5f6f1a52-0000-4000-8000-000000000000", attempt=3, task_id="launch-5f-3", worker_pid=1)
JOBS = "/apis/batch/v1/namespaces/meetings/jobs"


class Api(ThreadingHTTPServer):
    """Keeps Jobs by name; `refusal` is the answer to the next requests for one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.jobs: dict[str, Any] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.refusal: tuple[int, str] | None = None


class Answers(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.say(*((200, PARTS["CronJob"]) if self.path.endswith("/cronjobs/understudy-bot") else (404, {})))

    def do_POST(self) -> None:
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.refusal is not None:
            status, words = self.server.refusal
            return self.say(status, {"kind": "Status", "message": words})
        there = job["metadata"]["name"] in self.server.jobs
        self.server.jobs.setdefault(job["metadata"]["name"], job)
        return self.say(409 if there else 201, job)

    def say(self, status: int, body: Any) -> None:
        self.server.asked.append((self.command, self.path, self.headers["Authorization"]))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server
        server.shutdown()


def launcher(api: Api, folder: Path, template: str = "understudy-bot") -> KubernetesLauncher:
    for name, text in {"token": "secret\n", "namespace": "meetings"}.items():
        (folder / name).write_text(text)
    return KubernetesLauncher(template, cluster=Cluster(url=f"http://127.0.0.1:{api.server_port}", account=folder))


def test_a_launch_that_is_asked_for_twice_makes_one_job(api: Api, tmp_path: Path) -> None:
    started = [launcher(api, tmp_path).start(LAUNCH).new for _ in range(2)]
    assert started == [True, False] and list(api.jobs) == [job_name(LAUNCH)]
    assert ("POST", JOBS, "Bearer secret") in api.asked


@pytest.mark.parametrize(
    ("status", "words", "means"),
    [
        (403, "jobs is forbidden: exceeded quota: bots", HostFull),
        (403, "jobs is forbidden", LaunchFailed),
        (422, "spec is invalid", LaunchFailed),
        (429, "", HostUnavailable),
        (503, "", HostUnavailable),
    ],
)
def test_what_the_cluster_refuses_says_whether_to_ask_again(
    api: Api, tmp_path: Path, status: int, words: str, means: type[BotError]
) -> None:
    api.refusal = status, words
    with pytest.raises(means) as refused:
        launcher(api, tmp_path).start(LAUNCH)
    assert refused.value.retryable == (means is not LaunchFailed)


def test_a_template_or_a_cluster_that_is_not_there_is_told(api: Api, tmp_path: Path) -> None:
    with pytest.raises(BadTemplate):
        launcher(api, tmp_path, "another").start(LAUNCH)
    with pytest.raises(BadTemplate):
        job_of({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}}, LAUNCH)
    launching = launcher(api, tmp_path)
    (tmp_path / "namespace").unlink()
    with pytest.raises(LaunchFailed):
        launching.start(LAUNCH)


def test_a_job_is_one_pod_once_with_time_to_say_goodbye_and_a_command_we_understand() -> None:
    spec = job_of(PARTS["CronJob"], LAUNCH)["spec"]
    pod = spec["template"]["spec"]
    assert (spec["backoffLimit"], spec["parallelism"], pod["restartPolicy"]) == (0, 1, "Never")
    assert pod["terminationGracePeriodSeconds"] > LEAVE_GRACE_S
    parser = argparse.ArgumentParser()
    bot_host.arguments(parser)
    command, *words = pod["containers"][0]["args"]
    read = parser.parse_args(words)
    assert (command, read.only, read.attempt, read.task_id) == ("bot-host", LAUNCH.bot_id, 3, "launch-5f-3")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", job_name(LAUNCH)) and len(job_name(LAUNCH)) <= 63


def test_the_template_never_runs_by_itself_and_its_pod_has_no_rights() -> None:
    spec = PARTS["CronJob"]["spec"]
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["suspend"] and not pod["automountServiceAccountToken"] and pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    verbs = {(rule["resources"][0], *rule["verbs"]) for rule in PARTS["Role"]["rules"]}
    assert verbs == {("cronjobs", "get"), ("jobs", "create")}
