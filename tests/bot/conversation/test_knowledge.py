"""Finding the right passage among near ones, from clear and from misheard questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.conversation.knowledge import RankedKnowledge
from bot.conversation.mind import UNKNOWN, QuotingMind, key_sentences
from bot.conversation.passages import split_sentences
from bot.conversation.terms import sounds_like, stem
from tests.bot.conversation.sources import FullTextSource, iris_passages

DEVELOPMENT = Path(__file__).parents[2] / "data" / "questions_development.json"

WRITTEN = DEVELOPMENT.with_name("questions_written.json")  # one for each passage


@pytest.fixture(scope="module")
def passages():
    return iris_passages()


@pytest.fixture(scope="module")
def knowledge(passages):
    return RankedKnowledge(passages, FullTextSource(passages))


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.parametrize(
    "rows", [json.loads(DEVELOPMENT.read_text()), json.loads(WRITTEN.read_text())], ids=["development", "written"]
)
async def test_at_least_nine_in_ten_written_questions_find_their_passage(knowledge, rows):
    found = [await knowledge.search(row["question"], limit=1) for row in rows]
    right = sum(bool(f) and f[0].heading == row["heading"] for f, row in zip(found, rows, strict=True))
    assert right >= 0.9 * len(rows)


def test_questions_share_no_sentence_with_the_passages(passages):
    sentences = {sentence.lower() for passage in passages for sentence in split_sentences(passage.text)}
    for path in DEVELOPMENT.parent.glob("questions_*.json"):
        for row in json.loads(path.read_text()):
            assert not {part.lower() for part in split_sentences(row["question"])} & sentences


@pytest.mark.parametrize(
    ("misheard", "heading"),
    [
        ("how can i make my hydrangea turn billion", "Hydrangea colours"),
        ("where are my carats growing with to legs", "Carrots"),
        ("i put to my garlic in which month", "Garlic"),
    ],
)
async def test_misheard_words_still_find_the_passage(knowledge, misheard: str, heading: str):
    assert (await knowledge.search(misheard))[0].heading == heading


@pytest.mark.parametrize("question", ["who won the world cup", "what is the capital of france", "", "and so on"])
async def test_what_is_not_known_finds_nothing_and_is_said(knowledge, question: str):
    assert list(await knowledge.search(question)) == []
    if question:
        clauses = [c async for c in QuotingMind(knowledge, name="Iris").answer(question, speaker="ann", history=())]
        assert [clause.text for clause in clauses] == [UNKNOWN] and clauses[0].passages == ()


async def test_an_answer_names_its_document_and_quotes_it_word_for_word(knowledge, passages):
    mind = QuotingMind(knowledge, name="Iris")
    clauses = [c async for c in mind.answer("In which month do I plant garlic?", speaker="ann", history=())]
    source = next(p for p in passages if p.passage_id == clauses[0].passages[0])
    lead, quoted = clauses[0].text.split(": ", 1)
    assert "vegetables" in lead and quoted in source.text and "October" in quoted
    assert all(clause.text in source.text for clause in clauses[1:])


async def test_small_talk_is_answered_without_the_knowledge(knowledge):
    mind = QuotingMind(knowledge, name="Iris", about="I know gardens.")
    said = [c.text async for c in mind.answer("Hello Iris, who are you?", speaker="ann", history=())]
    assert said == ["I'm Iris, an AI assistant. I know gardens."]


def test_the_sentences_that_answer_are_chosen(passages):
    potatoes = next(p for p in passages if p.heading == "Earthing up potatoes")
    assert "poisonous" in " ".join(key_sentences("are green potatoes poisonous", potatoes))


def test_words_that_sound_alike_are_near_and_others_are_not():
    assert sounds_like("flour", "flower") == 1.0 and sounds_like("peas", "bees") == 1.0
    assert sounds_like("tomato", "hydrangea") < 0.5


@pytest.mark.parametrize(
    ("one", "other"), [("tomatoes", "tomato"), ("pruning", "prune"), ("leaves", "leaf"), ("dug", "dig")]
)
def test_forms_of_a_word_have_one_stem(one: str, other: str):
    assert stem(one) == stem(other)
