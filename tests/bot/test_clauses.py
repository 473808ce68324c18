"""Text into speakable pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.clauses import MAX_CHARS, ClauseSplitter, split_clauses


def test_sentences_are_pieces_but_abbreviations_end_none():
    assert split_clauses("Use a mulch, e.g. bark. Dr. Green agrees! Does he?") == [
        "Use a mulch, e.g. bark.",
        "Dr. Green agrees!",
        "Does he?",
    ]


def test_a_long_sentence_is_cut_where_one_breathes():
    text = "When the leaves are yellow, " * 12 + "wait."
    assert all(len(piece) <= MAX_CHARS and piece[-1] in ",." for piece in split_clauses(text))


def test_a_streamed_sentence_comes_as_soon_as_it_is_sure():
    splitter = ClauseSplitter()
    assert list(splitter.add("Water it at 7.5 degrees.")) == []
    assert list(splitter.add(" Th")) == ["Water it at 7.5 degrees."]


@given(st.text(max_size=600), st.integers(1, 50))
def test_no_word_is_lost_however_the_text_arrives(text: str, size: int):
    splitter = ClauseSplitter()
    pieces = [p for i in range(0, len(text), size) for p in splitter.add(text[i : i + size])] + list(splitter.close())
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= MAX_CHARS for piece in pieces)
