"""Documents into passages."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.passages import MAX_BYTES, MAX_WORDS, read_document, split_document
from bot.errors import BadInput
from tests.bot.conversation.sources import LIBRARY

PARAGRAPH = "Water sinks slowly into dry earth. " * 5


def test_a_passage_has_the_nearest_heading_above():
    text = f"# Soil\n\n## Clay\n{PARAGRAPH}\n\n## Sand\n\n{PARAGRAPH}\n"
    assert [heading for heading, _ in split_document("soil.md", text)] == ["Clay", "Sand"]


def test_plain_text_is_headed_by_the_name_of_the_document():
    assert split_document("my_garden-notes.txt", PARAGRAPH)[0][0] == "my garden notes"


def test_underlined_headings_links_and_emphasis_are_read_as_text():
    text = f"Roses\n=====\n\n* **Old** [roses](http://x.example) bloom `once`. {PARAGRAPH}"
    heading, passage = split_document("a.md", text)[0]
    assert heading == "Roses" and passage.startswith("Old roses bloom once.")


def test_a_long_paragraph_is_split_at_sentences():
    passages = split_document("a.md", PARAGRAPH * 12)
    assert len(passages) > 2 and all(text.endswith("earth.") for _, text in passages)


def test_short_paragraphs_of_one_heading_are_joined():
    assert len(split_document("a.md", "## A\n\nFirst this.\n\nThen that.\n")) == 1


@pytest.mark.parametrize("data", [b"\xff\xfe\x00\x01", b"PK\x03\x04\x00", b"a" * (MAX_BYTES + 1)])
def test_what_is_no_text_or_too_large_is_refused(data: bytes):
    with pytest.raises(BadInput):
        read_document("a.md", data)


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.timeout(20)  # a rule that looks at the same text again and again takes hours for these
@pytest.mark.parametrize(
    "piece", ["[", "![", "[a](", "# ", "# #", "*", "`", "> ", '. "', "a\n===\n", "1) ", "[a]" * 9 + "("]
)
def test_no_text_takes_long_to_read(piece: str):
    for text in (piece * 60_000, "# a" + piece * 60_000 + "b", "a." + " " * 60_000 + piece):
        with suppress(BadInput):
            split_document("a.md", text)


def test_headings_lose_the_marks_at_their_end():
    assert split_document("a.md", "## Ferns ##  \nMoist.\n# C#\nNotes.") == [("Ferns", "Moist."), ("C", "Notes.")]


def test_an_empty_document_is_refused():
    with pytest.raises(BadInput):
        split_document("a.md", "# Only a heading\n")


@given(st.text(alphabet="ab #-.\n=*`", max_size=400))
def test_no_passage_is_empty_or_too_long(text: str):
    try:
        passages = split_document("a.md", text)
    except BadInput:
        return
    assert all(passage.strip() and len(passage.split()) <= MAX_WORDS for _, passage in passages)


def test_the_shipped_knowledge_is_one_passage_a_heading():
    for path in sorted((LIBRARY / "iris" / "knowledge").glob("*.md")):
        headings = [heading for heading, _ in split_document(path.name, path.read_text())]
        assert len(headings) == len(set(headings)) >= 4
