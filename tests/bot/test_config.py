"""Settings: what cannot be used is refused by name, before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import Settings, environment_of, load_settings, prepare_home
from bot.errors import BadSettings


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("UNDERSTUDY_API_PORT", "99999"),
        ("UNDERSTUDY_API_PORT", "http"),
        ("UNDERSTUDY_VIDEO", "1x1"),
        ("UNDERSTUDY_MAX_BOTS", "-1"),
        ("UNDERSTUDY_HEADLESS", "maybe"),
        ("UNDERSTUDY_CAMERA_PATH", "webcam"),
        ("UNDERSTUDY_LOG_LEVEL", "LOUD"),
        ("UNDERSTUDY_LOBBY_TIMEOUT_S", "nan"),
        ("UNDERSTUDY_ALONE_TIMEOUT_S", "0"),
        ("UNDERSTUDY_EGRESS_ALLOW", "10.0.0.1/8"),
        ("UNDERSTUDY_EGRESS_ALLOW", "intranet"),
        ("UNDERSTUDY_MEETING_HOSTS", "https://meet.example.org"),
        ("UNDERSTUDY_MEETING_HOSTS", "meet.example.org:x"),
        ("UNDERSTUDY_MEETING_HOSTS", "10.0.0.7"),
        ("UNDERSTUDY_MEETING_HOSTS", "http://10.0.0.7"),
        ("UNDERSTUDY_MEETING_HOSTS", "http://simulator:8480/abc"),
        ("UNDERSTUDY_MEETING_HOSTS", "http://http://simulator"),
        ("UNDERSTUDY_BROKER_URL", "sqs://me:pw@host"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_variable(variable: str, text: str) -> None:
    with pytest.raises(BadSettings, match=variable):
        load_settings({variable: text})


def test_meeting_servers_are_named_with_and_without_tls() -> None:
    settings = load_settings({"UNDERSTUDY_MEETING_HOSTS": "Meet.example.org:8443, HTTP://simulator:8480,"})
    assert settings.own_meeting_hosts == ("meet.example.org:8443", "http://simulator:8480")


def test_a_secret_that_cannot_be_used_is_not_shown() -> None:
    with pytest.raises(BadSettings) as refused:
        load_settings({"UNDERSTUDY_BROKER_URL": "sqs://me:pw@host"})
    assert "pw" not in str(refused.value)


def test_a_child_gets_the_settings_of_its_parent() -> None:
    settings = load_settings({"UNDERSTUDY_MAX_BOTS": "7", "UNDERSTUDY_HEADLESS": "no"})
    assert load_settings(environment_of(settings)) == settings


def test_secrets_are_not_in_the_printed_settings() -> None:
    shown = repr(Settings(llm_api_key="sk-123", database_url="postgresql://me:pw@db/x", broker_url="redis://:pw@r"))
    assert "sk-123" not in shown and "pw" not in shown


def test_a_home_that_cannot_be_made_is_a_bad_setting(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("here is a file")
    for home in (file, file / "below", Path("/proc/nohome")):
        with pytest.raises(BadSettings, match="UNDERSTUDY_HOME"):
            prepare_home(Settings(home=home))


def test_a_new_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    prepare_home(Settings(home=home))
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8420"),
        ("0.0.0.0", "http://127.0.0.1:8420"),
        ("::", "http://[::1]:8420"),
        ("::1", "http://[::1]:8420"),
        ("bots.lan", "http://bots.lan:8420"),
    ],
)
def test_what_is_printed_of_the_api_leads_to_it(host: str, url: str) -> None:
    assert Settings(api_host=host).own_url == url
