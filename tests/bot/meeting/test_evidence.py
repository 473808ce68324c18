"""What was on the screen stays when the bot's own folder goes."""

from __future__ import annotations

from pathlib import Path

from bot.meeting.evidence import keep
from connectors.base import Evidence


def test_evidence_is_kept_in_the_home_and_named_by_paths_relative_to_it(tmp_path: Path) -> None:
    screenshot, html = tmp_path / "bot" / "removed.png", tmp_path / "bot" / "removed.html"
    screenshot.parent.mkdir()
    screenshot.write_bytes(b"png")
    html.write_text("<p>removed", "utf-8")
    seen = Evidence(url="", heading="Removed", rule="removed.text.en", screenshot=screenshot, html=html)
    data = keep(seen, home=tmp_path / "home", bot_id="b1")
    assert (data["heading"], data["rule"]) == ("Removed", "removed.text.en")
    assert data["evidence"] == ["evidence/b1/removed.png", "evidence/b1/removed.html"]
    assert (tmp_path / "home" / data["evidence"][0]).read_bytes() == b"png"


def test_evidence_that_cannot_be_kept_holds_up_no_end(tmp_path: Path) -> None:
    gone = Evidence(url="", heading="Removed", screenshot=tmp_path / "gone.png")
    assert keep(gone, home=tmp_path / "home", bot_id="b1")["evidence"] == []
    assert keep(None, home=tmp_path / "home", bot_id="b1") == {}


def test_what_there_is_no_evidence_of_is_said(tmp_path: Path) -> None:
    partly = Evidence(url="", screenshot=tmp_path / "gone.png", left_out=("page",))
    assert keep(partly, home=tmp_path / "home", bot_id="b1")["left_out"] == ["page", "picture"]
    assert "left_out" not in keep(Evidence(url="", heading="Removed"), home=tmp_path / "home", bot_id="b1")
