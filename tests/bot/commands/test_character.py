"""`understudy character`: a picture becomes a character that can be looked at, or nothing at all."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from bot.cli import main
from bot.config import load_settings
from bot.library import ALL_SHIPPED
from bot.library.importing import read_character
from bot.store import audit, characters, workspaces
from bot.store.session import Database
from engine.portrait.importing.points import read_points
from engine.portrait.record import Style, load_record

POINTS = {
    "mouth": {"left": [250, 230], "right": [350, 230], "bottom": [300, 246]},
    "eyes": [{"left": [220, 130], "right": [270, 130]}, {"left": [330, 130], "right": [380, 130]}],
    "outline": [[150, 40], [450, 40], [450, 330], [150, 330]],
    "draw": ["mouth", "eyes"],
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDERSTUDY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A wooden box on a table, and where its face shall be."""
    picture = np.full((360, 600, 3), (190, 200, 205), np.uint8)
    cv2.rectangle(picture, (150, 40), (450, 330), (70, 120, 170), -1)
    cv2.imwrite(str(tmp_path / "box.png"), picture)
    (tmp_path / "points.json").write_text(json.dumps(POINTS))
    return tmp_path / "box.png"


def bring(picture: Path, *words: str) -> int:
    return main(["character", "import", str(picture), *words])


def test_a_real_persons_picture_is_not_even_opened_without_consent(home, box, capsys) -> None:
    add = ["character", "add", "--name", "Box", "--image", str(box), "--likeness", "self"]
    for words in (["character", "import", str(box), "--likeness", "consented"], add, [*add, "--consent-proof", " "]):
        assert main(words) == 1
        assert "proof of consent" in capsys.readouterr().err
    assert not (home / "characters").exists()


def test_whose_face_it_is_must_be_said(home, box, capsys) -> None:
    for words in (["import", str(box)], ["add", "--name", "Box", "--image", str(box)]):
        with pytest.raises(SystemExit):
            main(["character", *words])
        assert "--likeness" in capsys.readouterr().err
    assert not (home / "characters").exists()


def test_what_is_no_picture_is_refused_in_words_and_leaves_nothing(home, tmp_path, capsys) -> None:
    assert main(["db", "upgrade"]) == 0
    (tmp_path / "cat.gif").write_bytes(b"GIF89a" + bytes(50))
    assert bring(tmp_path / "cat.gif", "--likeness", "fictional") == 1
    assert "a GIF; save the picture as PNG or JPEG" in capsys.readouterr().err
    assert not (home / "characters").exists()


def test_a_file_much_too_large_is_not_read(home, tmp_path, capsys) -> None:
    with (tmp_path / "film.png").open("wb") as file:
        file.truncate(300 << 20)
    assert bring(tmp_path / "film.png", "--likeness", "fictional") == 1
    assert "has 300 MiB; at most 64 MiB" in capsys.readouterr().err
    assert not (home / "characters").exists()


def test_bad_points_are_refused_in_words(home, box, tmp_path, capsys) -> None:
    assert main(["db", "upgrade"]) == 0
    (tmp_path / "points.json").write_text('{"mouth": {"left": [1, 1]}}')
    assert bring(box, "--points", str(tmp_path / "points.json"), "--likeness", "fictional") == 1
    assert "mouth right must be two numbers" in capsys.readouterr().err
    assert not (home / "characters").exists()


def test_a_picture_is_not_even_opened_where_no_character_can_be_made(home, box, tmp_path, capsys) -> None:
    words = ("--points", str(tmp_path / "points.json"), "--likeness", "fictional")
    assert bring(box, *words) == 1 and "db upgrade" in capsys.readouterr().err
    assert main(["db", "upgrade"]) == 0 and main(["character", "ensure-shipped"]) == 0
    assert bring(box, *words, "--name", "IRIS") == 1 and "of another name" in capsys.readouterr().err
    assert bring(box, *words, "--name", "") == 1 and "needs a name" in capsys.readouterr().err
    assert not (home / "characters").exists()


def test_the_points_file_that_help_shows_is_one(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["character", "import", "--help"])
    said = capsys.readouterr().out
    shown = said[said.index('{"mouth"') : said.index("\n\nOnly the mouth's")]
    assert len(read_points(shown, (600, 400)).features.eyes) == 2


def test_every_shipped_character_is_whole() -> None:
    for folder in ALL_SHIPPED:
        new, documents = read_character(folder)
        characters.check(new)
        assert new.persona and new.greeting and new.voice and new.likeness == "fictional"
        assert new.record_path is not None
        passages = sum(text.read_text().count("\n## ") for text in documents.glob("*.md"))
        assert passages >= 16, f"{folder.name} knows too little"
    assert len({folder.name for folder in ALL_SHIPPED}) >= 5


@pytest.mark.slow
@pytest.mark.parallel
def test_an_object_is_imported_and_looked_at(home, box, tmp_path, capsys) -> None:
    assert main(["db", "upgrade"]) == 0
    assert bring(box, "--points", str(tmp_path / "points.json"), "--likeness", "fictional", "--name", "Box") == 0
    said = capsys.readouterr()
    assert "The points were set by hand" in said.err and len(said.out.split()[-1]) > 20
    (made,) = (home / "characters").iterdir()
    assert {path.name for path in made.iterdir()} == {"portrait.png", "record", "report.json", "original.png"}
    assert (made / "original.png").read_bytes() == box.read_bytes()
    sheet = tmp_path / "sheet.png"
    assert main(["character", "preview", "box", "--sheet", str(sheet)]) == 0
    assert cv2.imread(str(sheet)).shape[1] == 1500


@pytest.mark.slow
def test_a_new_face_takes_nothing_else_from_a_character(home, box, tmp_path, capsys) -> None:
    assert main(["db", "upgrade"]) == 0
    words = ("--persona", "Holds things.", "--greeting", "Hello.", "--voice", "espeak:en-us+f3", "--alias", "Boxy")
    points = ("--points", str(tmp_path / "points.json"), "--likeness", "fictional")
    assert bring(box, *points, "--name", "Box", *words) == 0
    first = capsys.readouterr().out.split()[-1]
    assert bring(box, *points, "--style", "drawing", "--greeting", "Hi.") == 0
    assert capsys.readouterr().out.split()[-1] == first
    character = asyncio.run(kept("box"))
    assert (character.name, character.persona, character.greeting) == ("Box", "Holds things.", "Hi.")
    assert (character.voice, list(character.aliases)) == ("espeak:en-us+f3", ["Boxy"])
    assert load_record(Path(character.image_path), Path(character.record_path or "")).style is Style.DRAWING


def test_a_preview_that_cannot_be_written_is_not_begun(home, tmp_path, capsys) -> None:
    places = {
        tmp_path / "none" / "sheet.png": "none is no folder",
        tmp_path: f"{tmp_path} is a folder",
        Path("/dev/null"): "/dev/null is no plain file",
    }
    for place, words in places.items():
        assert main(["character", "preview", "iris", "--sheet", str(place)]) == 1
        assert words in capsys.readouterr().err


@pytest.mark.slow
def test_a_face_is_not_looked_at_either_once_the_consent_has_ended(home, box, tmp_path, capsys) -> None:
    assert main(["db", "upgrade"]) == 0
    consent = ("--likeness", "consented", "--consent-proof", "a letter", "--consent-expires", "2020-01-31")
    assert bring(box, "--points", str(tmp_path / "points.json"), *consent) == 0
    assert main(["character", "preview", "box", "--sheet", str(tmp_path / "sheet.png")]) == 1
    assert "the consent to show this likeness has expired" in capsys.readouterr().err
    assert not (tmp_path / "sheet.png").exists()


def test_a_consent_is_withdrawn_renewed_and_the_character_deleted_and_each_is_written_down(home, box, capsys) -> None:
    assert main(["db", "upgrade"]) == 0
    proof = ("--consent-proof", "a letter")
    assert main(["character", "add", "--name", "Ann", "--image", str(box), "--likeness", "consented", *proof]) == 0
    assert len(list((home / "characters").iterdir())) == 1
    assert main(["character", "withdraw", "ann"]) == 0
    assert asyncio.run(kept("ann")).consent_is_over(datetime.now(UTC))
    assert main(["character", "renew", "ann"]) == 1 and "proof of consent" in capsys.readouterr().err
    assert main(["character", "renew", "ann", *proof, "--consent-expires", "2099-01-31"]) == 0
    assert "until 2099-01-31" in capsys.readouterr().out
    assert not asyncio.run(kept("ann")).consent_is_over(datetime.now(UTC))
    assert main(["character", "delete", "ann"]) == 0
    assert list((home / "characters").iterdir()) == []
    trail = asyncio.run(written_down())
    assert [one.action for one in trail] == ["withdraw_consent", "renew_consent", "delete_character"]
    assert {one.actor["by"] for one in trail} == {"command_line"} and "letter" not in str(trail)
    assert trail[1].details == {"likeness": "consented", "consent_expires_at": "2099-01-31T23:59:59.999999+00:00"}


def test_what_we_ship_keeps_its_consent_and_stays(home, capsys) -> None:
    assert main(["db", "upgrade"]) == 0 and main(["character", "ensure-shipped"]) == 0
    for words in (["withdraw", "iris"], ["renew", "iris"], ["delete", "iris"]):
        assert main(["character", *words]) == 1
        assert "comes with Understudy" in capsys.readouterr().err


async def written_down() -> list[audit.Entry]:
    async with Database.open(load_settings()) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        return await audit.page(session, workspace_id=workspace.id)


async def kept(slug: str) -> characters.Character:
    async with Database.open(load_settings()) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        return await characters.named(session, workspace_id=workspace.id, name=slug)
