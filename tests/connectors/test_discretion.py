"""Passcodes and tokens stay out of what is kept of a way in."""

from __future__ import annotations

import json
import shutil
from html import escape
from pathlib import Path

import pytest

from connectors.base import JoinRefused, JoinRequest, Refusal
from connectors.kit.browser import PROGRAMS
from connectors.kit.web.discretion import HIDDEN, cause_of, discreet, secrets_of
from connectors.zoom.connector import ZoomConnector

LINK = "https://us02web.zoom.us/j/123456789?pwd=Xy9.1secret"


def request(url: str = LINK, **more: str) -> JoinRequest:
    return JoinRequest(meeting_url=url, display_name="Iris (AI)", **more)


@pytest.mark.parametrize(
    ("address", "more", "kept"),
    [
        (LINK, {}, "https://us02web.zoom.us/j/123456789?pwd=[hidden]"),
        ("https://teams.live.com/meet/93?p=Ab%2Fc1", {}, "https://teams.live.com/meet/93?p=[hidden]"),
        ("https://host/x#token=ey.J", {"identification": "ey.J"}, "https://host/x#token=[hidden]"),
        ("https://host/join", {"passcode": "a b c"}, "https://host/join"),
    ],
)
def test_what_lets_someone_in_is_hidden_and_the_rest_is_kept(address: str, more: dict[str, str], kept: str) -> None:
    secrets = secrets_of(address, request(address, **more))
    assert discreet(address, secrets) == kept
    for said in more.values():
        assert discreet(f"<a>{said}</a>", secrets) == f"<a>{HIDDEN}</a>"


@pytest.mark.parametrize(
    "written",
    [
        *("a&b+c é", "a&amp;b+c é", "a&#38;b+c é", "a&#x26;b&#x2B;c &eacute;", "a&amp;amp;b&plus;c &#xE9;"),
        *("a%26b%2Bc%20%C3%A9", "a%26b%2bc+%c3%a9", "a%2526b%252Bc%2520%25C3%25A9", "a%2526b%252bc%2b%25c3%25a9"),
        *("a\\u0026b+c \\u00e9", "a\\\\u0026b+c\\\\u0020\\\\u00E9", "a\\x26b\\x2bc é", "a%26amp%3Bb%2Bc+%26eacute%3B"),
    ],
)
def test_what_lets_someone_in_is_hidden_however_a_page_writes_it(written: str) -> None:
    assert discreet(f'<a x="{written}">', secrets_of("", request("", passcode="a&b+c é"))) == f'<a x="{HIDDEN}">'


def test_quotes_strokes_and_pairs_are_hidden_as_json_writes_them() -> None:
    said = 'a"b\\c/d\U0001f600'
    for written in (json.dumps(said), json.dumps(said, ensure_ascii=False), json.dumps(json.dumps(said)), escape(said)):
        kept = discreet(f"<{written}>", secrets_of("", request("", passcode=said)))
        assert kept.replace("\\", "").replace('"', "") == f"<{HIDDEN}>"


def test_case_and_neighbours_of_what_is_hidden_stay() -> None:
    secrets = secrets_of("", request("", passcode="a&b", identification="a&bc"))
    assert discreet("a&bc A&B 'a&b' a%26c", secrets) == f"{HIDDEN} A&B '{HIDDEN}' a%26c"
    assert discreet("kept " * 20_000, secrets) == "kept " * 20_000


def test_what_is_no_address_has_no_secrets_and_breaks_nothing() -> None:
    for text in ("", "//[", f"see {LINK}", "https://[half", "https://host/?pwd", "#token"):
        assert discreet("kept", secrets_of(text, request(text))) == "kept"


def test_of_a_page_that_did_not_open_the_cause_alone_is_told() -> None:
    assert cause_of(f"Page.goto: net::ERR_NAME_NOT_RESOLVED at {LINK}\nCall log: ...") == "net::ERR_NAME_NOT_RESOLVED"
    assert cause_of(f"Timeout 30000ms exceeded.\nnavigating to {LINK}") == "Timeout 30000ms exceeded"
    assert cause_of(f"something else about {LINK}") == ""


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.browser
@pytest.mark.sound
@pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed")
@pytest.mark.skipif(not shutil.which("pulseaudio"), reason="no PulseAudio is installed")
async def test_an_address_that_does_not_answer_leaves_evidence_without_its_passcode(tmp_path: Path) -> None:
    async with ZoomConnector(tmp_path, camera="page") as connector:
        await connector.browser.context.route("**/*", lambda route: route.abort("connectionrefused"))
        with pytest.raises(JoinRefused) as refused:
            await connector.join(request())
    evidence = refused.value.evidence
    assert refused.value.refusal is Refusal.UNREACHABLE and evidence is not None
    assert evidence.heading == "net::ERR_CONNECTION_REFUSED"
    assert evidence.screenshot is not None and evidence.html is not None
    assert "secret" not in repr(evidence) + evidence.html.read_text("utf-8")
