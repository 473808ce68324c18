"""Every setting, read once. The only reader of the environment in the product.

Each field is an environment variable: UNDERSTUDY_ and the field's name in capitals.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bot.errors import BadSettings

PREFIX = "UNDERSTUDY_"

# Never shown:
SECRETS = frozenset(
    {
        "database_url",
        "broker_url",
        "engine_token",
        "google_client_secret",
        "llm_api_key",
        "microsoft_client_secret",
        "metrics_token",
        "teams_identification",
    }
)
BROKERS = ("redis://", "rediss://", "redis+socket://", "amqp://", "amqps://")
VIDEO_SIZES = {"640x360": (640, 360), "1280x720": (1280, 720)}
CAMERA_PATHS = ("auto", "v4l2loopback", "file", "page")
MICROSOFT_CLOUDS = ("global", "us_gov", "us_dod", "china")
HEARING_STREAMS = ("auto", "mix")
_HOST = re.compile(r"(?!\d+(?:\.\d+){3}$)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,8}(?::[1-9][0-9]{0,4})?", re.IGNORECASE)
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    home: Path = Path.home() / ".understudy"  # all state of this installation
    cache: str = ""  # folder of what is made once from a knowledge base; empty: `cache` in `home`
    database_url: str = ""  # empty: SQLite in `home`; else postgresql://...
    broker_url: str = ""  # empty: a private Redis; else redis://..., or amqp://... for RabbitMQ
    api_host: str = "127.0.0.1"
    api_port: int = 8420
    api_reads_per_minute: int = 1200  # of one key; 0: as many as it likes
    api_writes_per_minute: int = 240
    metrics_token: str = ""  # what a scraper of /metrics must show; empty: open on loopback, and nowhere else
    log_level: str = "INFO"
    log_json: bool = False
    log_personal: bool = False  # print people's words, names and URLs in logs
    chromium: str = ""  # empty: found on PATH
    browser_profile: str = ""  # folder of a browser profile signed in as the bot's own account; bots use copies of it
    headless: bool = True  # of the bot's browser; false needs a display or Xvfb
    camera_path: str = "auto"  # auto | v4l2loopback | file | page
    teams_identification: str = ""  # Microsoft's token by which Teams knows a declared bot; empty: a guest as any other
    meeting_hosts: str = ""  # of meeting servers of ours: "meet.example.org:8443, http://simulator:8480"
    secret_keys: str = ""  # the file of keys that seal secrets in the database; empty: `secret-keys` in `home`
    egress_allow: str = ""  # networks of ours that addresses given by users may lead to: "10.1.0.0/16, 127.0.0.1"
    public_url: str = ""  # where the API is reached from outside: https://bots.example.com; empty: nowhere
    google_client_id: str = ""  # of this installation's registration with Google; empty: no Google calendars
    google_client_secret: str = ""
    google_url: str = ""  # of what stands in for Google, in tests and rehearsals; empty: Google itself
    microsoft_client_id: str = ""  # of this installation's registration with Microsoft; empty: none of its calendars
    microsoft_client_secret: str = ""
    microsoft_tenant: str = "common"  # whose accounts: common | organizations | consumers | one directory's id
    microsoft_cloud: str = "global"  # global | us_gov | us_dod | china
    microsoft_url: str = ""  # of what stands in for Microsoft, in tests and rehearsals; empty: Microsoft itself
    llm_url: str = ""  # an OpenAI-compatible base URL, e.g. http://127.0.0.1:11434/v1; empty: quoted knowledge only
    llm_api_key: str = ""
    llm_model: str = ""
    whisper_model: str = ""  # folder with faster-whisper weights; empty: the embedded recogniser, demo grade
    diarization_model: str = ""  # folder or huggingface.co name of a pyannote.audio model; empty: no diarization
    hearing_streams: str = "auto"  # auto: one a participant where the platform gives them; mix: all in one
    engine_urls: str = ""  # engine servers, "http://gpu-1:8460, http://gpu-2:8460"; empty: bots make generated faces
    engine_token: str = ""  # what opens them
    max_bots: int = 4  # live bots on this host
    kubernetes_template: str = ""  # name of the CronJob that bots' Jobs are made of; empty: the bot host starts bots
    video: str = "640x360"  # size of the bot's picture: 640x360 or 1280x720
    retention_days: int = 0  # what was said is kept so long after a bot's end; 0: for ever
    lobby_timeout_s: float = 600.0
    alone_timeout_s: float = 60.0  # leave when the last other person has been gone for so long
    nobody_came_timeout_s: float = 20 * 60.0  # leave when nobody has come to the meeting for so long
    silence_timeout_s: float = 20 * 60.0  # leave when nobody but the bot has spoken or written for so long
    max_meeting_s: float = 4 * 3600.0

    @property
    def own_host(self) -> str:
        """By which this machine reaches its own API: what listens on every address is at none of them."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.api_host, self.api_host)

    @property
    def own_url(self) -> str:
        host = f"[{self.own_host}]" if ":" in self.own_host else self.own_host
        return f"http://{host}:{self.api_port}"

    @property
    def engine_servers(self) -> tuple[str, ...]:
        return tuple(url.strip() for url in self.engine_urls.split(",") if url.strip())

    @property
    def cache_folder(self) -> Path:
        return Path(self.cache) if self.cache else self.home / "cache"

    @property
    def own_meeting_hosts(self) -> tuple[str, ...]:
        return tuple(host for part in self.meeting_hosts.split(",") if (host := part.strip().lower()))

    def __repr__(self) -> str:
        shown = (f"{f.name}={'***' if f.name in SECRETS else getattr(self, f.name)!r}" for f in fields(self))
        return f"Settings({', '.join(shown)})"


def _are_networks(text: str) -> bool:
    try:
        return all(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        return False


def _are_hosts(text: str) -> bool:
    return all(is_meeting_host(part.strip()) for part in text.split(",") if part.strip())


def is_meeting_host(text: str) -> bool:
    """A host's name, with its port where it has one of its own, and with `http://` where it is without TLS."""
    return _HOST.fullmatch(text.lower().removeprefix("http://")) is not None


def _are_servers(text: str) -> bool:
    urls = [part.strip() for part in text.split(",") if part.strip()]
    return all(url.startswith(("http://", "https://")) for url in urls)


RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (  # field, what fits, what is needed in words
    ("api_port", lambda port: 0 <= port <= 65535, "a port is 0 to 65535, and 0 takes a free one"),
    ("api_reads_per_minute", lambda count: count >= 0, "it is a number of requests, or 0 for any"),
    ("api_writes_per_minute", lambda count: count >= 0, "it is a number of requests, or 0 for any"),
    ("log_level", lambda level: level in LOG_LEVELS, f"it can be {', '.join(LOG_LEVELS)}"),
    ("camera_path", lambda path: path in CAMERA_PATHS, f"it can be {', '.join(CAMERA_PATHS)}"),
    ("hearing_streams", lambda streams: streams in HEARING_STREAMS, f"it can be {', '.join(HEARING_STREAMS)}"),
    ("microsoft_cloud", lambda cloud: cloud in MICROSOFT_CLOUDS, f"it can be {', '.join(MICROSOFT_CLOUDS)}"),
    ("microsoft_tenant", lambda name: bool(_HOST.fullmatch(name)), "it is a directory's id or domain, or common"),
    ("video", lambda size: size in VIDEO_SIZES, f"it can be {', '.join(VIDEO_SIZES)}"),
    ("broker_url", lambda url: not url or url.startswith(BROKERS), f"it begins with {', '.join(BROKERS)}, or is empty"),
    ("egress_allow", _are_networks, "it is networks such as 10.1.0.0/16, separated by commas, or empty"),
    ("meeting_hosts", _are_hosts, "it is names, meet.example.org:8443 or http://simulator:8480, with commas, or empty"),
    ("retention_days", lambda days: 0 <= days <= 36500, "it is a number of days, or 0 for ever"),
    ("engine_urls", _are_servers, "it is addresses such as http://gpu-1:8460, separated by commas, or empty"),
    ("max_bots", lambda count: count >= 1, "at least one bot must be allowed"),
    ("lobby_timeout_s", lambda seconds: 0 < seconds < 1e9, "it is a number of seconds above 0"),
    ("alone_timeout_s", lambda seconds: 0 < seconds < 1e9, "it is a number of seconds above 0"),
    ("nobody_came_timeout_s", lambda seconds: 0 < seconds < 1e9, "it is a number of seconds above 0"),
    ("silence_timeout_s", lambda seconds: 0 < seconds < 1e9, "it is a number of seconds above 0"),
    ("max_meeting_s", lambda seconds: 0 < seconds < 1e9, "it is a number of seconds above 0"),
)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises BadSettings naming the variable that cannot be used."""
    environ = os.environ if environ is None else environ
    given: dict[str, Any] = {}
    known = {PREFIX + f.name.upper(): f for f in fields(Settings)}
    for variable, field in known.items():
        if variable in environ:
            given[field.name] = _parse(variable, environ[variable], type(getattr(_DEFAULTS, field.name)))
    settings = Settings(**given)
    for name, fits, needed in RULES:
        value = getattr(settings, name)
        if not fits(value):
            shown = "what it is" if name in SECRETS else repr(value)
            raise BadSettings(f"{PREFIX}{name.upper()} cannot be {shown}: {needed}")
    return settings


def prepare_home(settings: Settings) -> None:
    """Make the installation's folder; it and all that this process makes is for its owner alone. Raises BadSettings
    where that cannot be."""
    os.umask(0o077)  # what people said is kept here, also in a folder that was there before
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadSettings(
            f"{PREFIX}HOME cannot be {str(settings.home)!r}: no folder can be made there ({error.strerror})"
        ) from error
    if not os.access(settings.home, os.W_OK | os.X_OK):
        raise BadSettings(f"{PREFIX}HOME cannot be {str(settings.home)!r}: nothing can be written there")


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that give a child process these settings."""
    return {PREFIX + f.name.upper(): _text(getattr(settings, f.name)) for f in fields(Settings)}


def child_environment(settings: Settings) -> dict[str, str]:
    """The whole environment of a child process: what we were started with, and these settings."""
    return {**os.environ, **environment_of(settings)}


def environment_with(variables: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a helper process: what we were started with, and these."""
    return {**os.environ, **variables}


def environment_without_settings() -> dict[str, str]:
    """The whole environment of a process that handles strangers' files: what we were started with, but for this
    product's settings, among which are its keys."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def report_to_no_maker() -> None:
    """Call it before onnxruntime is imported: without it that library keeps an id of this machine in its user's cache
    and sends to its maker when and how it is used."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def _text(value: Any) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}


def _parse(variable: str, text: str, kind: Any) -> Any:
    try:
        if kind is bool:
            return _BOOLEANS[text.strip().lower()]
        return Path(text).expanduser().absolute() if issubclass(kind, Path) else kind(text)
    except (KeyError, ValueError) as error:
        raise BadSettings(f"{variable} cannot be {text!r}: a {kind.__name__} is needed") from error


_DEFAULTS = Settings()
