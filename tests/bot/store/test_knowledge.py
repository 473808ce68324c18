"""Documents, passages and full text on both databases."""

from __future__ import annotations

import pytest

from bot.store import knowledge

PASSAGES = [
    ("Watering", "Water the ferns when the soil feels dry."),
    ("Light", "Most ferns like indirect light near a window."),
    ("Pests", "Spider mites thrive in dry air; watering alone does not help."),
]


async def add(store, passages=PASSAGES, name="ferns.md"):
    async with store.database.write() as session:
        return await knowledge.add_document(
            session, store.character.knowledge_base_id, name=name, media_type="text/markdown", passages=passages
        )


async def find(store, *terms, limit=4):
    async with store.database.read() as session:
        return await knowledge.candidates(session, store.character.knowledge_base_id, terms=terms, limit=limit)


async def test_passages_come_back_in_order(store):
    await add(store)
    async with store.database.read() as session:
        found = await knowledge.passages(session, store.character.knowledge_base_id)
    assert [(passage.heading, passage.text) for passage in found] == PASSAGES
    assert {passage.document for passage in found} == {"ferns.md"}


async def test_any_of_the_words_finds_and_a_heading_counts_more(store):
    await add(store)
    found = await find(store, "watered", "zeppelin")
    assert [passage.heading for passage in found] == ["Watering", "Pests"]
    assert found[0].score > found[1].score


async def test_the_same_content_twice_is_one_document(store):
    first, second = await add(store), await add(store, name="copy.md")
    assert first == second
    assert len(await find(store, "ferns")) == 2


async def test_new_content_under_an_old_name_replaces_it_in_the_index_too(store):
    await add(store)
    await add(store, passages=[("Watering", "Never let the soil go dry.")])
    assert await find(store, "ferns") == []
    assert [passage.text for passage in await find(store, "soil")] == ["Never let the soil go dry."]


@pytest.mark.parametrize(
    "term", ['fern" OR "x', "ferns*", "NEAR(ferns)", "ferns & !light", "heading:ferns", "ferns'--"]
)
async def test_no_text_reaches_the_search_syntax(store, term):
    await add(store)
    assert {passage.heading for passage in await find(store, term)} >= {"Watering", "Light"}


@pytest.mark.parametrize("terms", [(), ("",), ("?!",), ("\0",)])
async def test_nothing_to_look_for_finds_nothing(store, terms):
    await add(store)
    assert await find(store, *terms) == []


async def test_another_knowledge_base_is_not_searched(store):
    await add(store)
    async with store.database.write() as session:
        other = await knowledge.create(session, workspace_id=store.workspace.id, name="other")
        assert await knowledge.candidates(session, other, terms=["ferns"], limit=4) == []


async def test_an_unknown_knowledge_base_is_a_typed_error(store):
    with pytest.raises(knowledge.UnknownKnowledgeBase):
        async with store.database.write() as session:
            await knowledge.add_document(session, "nothing", name="a", media_type="text/plain", passages=[])
