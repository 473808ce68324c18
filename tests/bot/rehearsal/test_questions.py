"""Files of questions, and what counts as the right passage."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.rehearsal.questions import BadQuestions, Question, named, read_questions, right_passage


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "questions"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        '["How deep is it?", {"question": "Who built it?", "passage": "The builder"}]',
        'How deep is it?\n\n{"question": "Who built it?", "passage": "The builder"}\n',
    ],
)
def test_a_list_and_lines_say_the_same(tmp_path: Path, text: str) -> None:
    expected = (Question(text="How deep is it?"), Question(text="Who built it?", passage="The builder"))
    assert read_questions(written(tmp_path, text)) == expected


@pytest.mark.parametrize(
    "text", ["", "[]", "[3]", '["?', '{"question": 1}', '[""]', '[{"question": "a", "passage": 7}]']
)
def test_a_file_that_cannot_be_asked_says_why(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadQuestions, match="questions"):
        read_questions(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadQuestions, match="nowhere"):
        read_questions(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("expected", "right"),
    [("the lamp", True), ("light.md", True), ("p-17", True), ("the keeper", False), (None, None)],
)
def test_a_passage_is_known_by_id_document_or_heading(expected: str | None, right: bool | None) -> None:
    passages = [{"id": "p-17", "document": "light.md", "heading": "The  Lamp"}]
    assert right_passage(Question(text="?", passage=expected), passages) is right
    assert right_passage(Question(text="?", passage="p-17"), ["p-17"]) is True


def test_no_passage_is_wrong_where_one_was_expected() -> None:
    assert right_passage(Question(text="?", passage="lamp"), []) is False


def test_a_passage_reads_as_document_and_heading() -> None:
    assert named({"id": "p", "document": "light.md", "heading": "Lamp"}) == "light.md / Lamp"
    assert named("p-17") == "p-17"
