"""Launching in a cluster: one Job for each attempt of a bot, named after both, so that asking twice makes one.

What a bot's pod is like, its operator says: a suspended CronJob holds the template, checked by the cluster when it is
applied. We add the name, the labels and the command, and set what our promises rest on. In the pod a bot host owns this
one bot: everything else about a bot is as on one machine. Knows the API of the cluster by three requests, no library.
"""

from __future__ import annotations

import copy
import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.scheduling.launchers import HostFull, HostUnavailable, Launch, Launched, LaunchFailed

TIMEOUT_S = 8.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024
CONTAINER = "bot"
GRACE_S = 40  # a bot host needs 28 s for its bot's goodbye and some for the rest
KEPT_S = 3600  # a Job that is over can be looked at for so long
CREATED, NOT_FOUND, CONFLICT = 201, 404, 409


class ClusterUnavailable(HostUnavailable):
    """The cluster's API does not answer, or has too much to do."""

    code = "cluster_unavailable"


class ClusterFull(HostFull):
    """The cluster's quota allows no further bot."""

    code = "cluster_full"


class BadTemplate(LaunchFailed):
    """The CronJob that bots' Jobs are made of is not there, or has no container named `bot`."""

    code = "bad_job_template"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """How a pod reaches its cluster; its account's folder has token (it changes), authority and namespace."""

    url: str = "https://kubernetes.default.svc"
    account: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")

    @property
    def namespace(self) -> str:
        return (self.account / "namespace").read_text().strip()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """The status and the object, or what was wrong with asking for it. Raises ClusterUnavailable."""
        try:
            headers = {"Authorization": f"Bearer {(self.account / 'token').read_text().strip()}"}
            headers |= {"Content-Type": "application/json", "Accept": "application/json"}
            data = json.dumps(body).encode() if body is not None else None
            request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
            try:
                with self._opener().open(request, timeout=TIMEOUT_S) as answer:
                    return answer.status, _object(answer.read(MAX_ANSWER_BYTES))
            except urllib.error.HTTPError as refused:
                with refused:
                    return refused.code, _object(refused.read(MAX_ANSWER_BYTES))
        except (OSError, http.client.HTTPException) as error:
            raise ClusterUnavailable from error

    def _opener(self) -> urllib.request.OpenerDirector:
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self.url.startswith("https://"):
            context = ssl.create_default_context(cafile=str(self.account / "ca.crt"))
            handlers.append(urllib.request.HTTPSHandler(context=context))
        return urllib.request.build_opener(*handlers)


class KubernetesLauncher:
    """`template`: the name of the CronJob, in the namespace this runs in."""

    def __init__(self, template: str, *, cluster: Cluster | None = None) -> None:
        self._template, self._cluster = template, cluster or Cluster()

    def start(self, launch: Launch) -> Launched:
        """As the port says; what was asked for before is found by its name. Raises also BadTemplate."""
        try:
            where = f"/apis/batch/v1/namespaces/{self._cluster.namespace}"
        except OSError as error:
            raise LaunchFailed("There is no account of a cluster's here.") from error
        status, cron_job = self._cluster.ask("GET", f"{where}/cronjobs/{self._template}")
        if status == NOT_FOUND:
            raise BadTemplate
        _check(status, cron_job)
        status, said = self._cluster.ask("POST", f"{where}/jobs", job_of(cron_job, launch))
        if status == CONFLICT:
            return Launched(pid=None, new=False)
        _check(status, said)
        return Launched(pid=None, new=status == CREATED)


def job_name(launch: Launch) -> str:
    """At most 63 characters, as a label must have it."""
    return f"understudy-{launch.bot_id}-{launch.attempt}"


def job_of(cron_job: Mapping[str, Any], launch: Launch) -> dict[str, Any]:
    """The Job of one attempt of one bot. Raises BadTemplate."""
    try:
        spec = copy.deepcopy(cron_job["spec"]["jobTemplate"]["spec"])
        pod = spec["template"]["spec"]
        (container,) = (one for one in pod["containers"] if one["name"] == CONTAINER)
    except (KeyError, TypeError, ValueError) as error:
        raise BadTemplate from error
    labels = {"app.kubernetes.io/part-of": "understudy", "understudy.bot": launch.bot_id}
    labels |= {"understudy.attempt": str(launch.attempt)}
    container["args"] = ["bot-host", "--only", launch.bot_id, "--attempt", str(launch.attempt)]
    container["args"] += ["--task-id", launch.task_id]
    # One pod, once: a bot that is gone is not sent back by its cluster, but by rules that know why.
    spec |= {"backoffLimit": 0, "parallelism": 1, "completions": 1, "suspend": False}
    spec.setdefault("ttlSecondsAfterFinished", KEPT_S)
    pod["restartPolicy"] = "Never"
    pod["terminationGracePeriodSeconds"] = max(GRACE_S, pod.get("terminationGracePeriodSeconds") or 0)
    about = spec["template"].setdefault("metadata", {})
    about["labels"] = {**(about.get("labels") or {}), **labels}
    metadata = {"name": job_name(launch), "labels": labels}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _check(status: int, said: Mapping[str, Any]) -> None:
    """Raises what a refusal of the cluster's means."""
    if status < 300:
        return
    words = str(said.get("message", ""))[:500]
    if status == 403 and "exceeded quota" in words:
        raise ClusterFull
    if status == 429 or status >= 500:
        raise ClusterUnavailable
    raise LaunchFailed(f"The cluster refused the bot's Job ({status}): {words}")


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
