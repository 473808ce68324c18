"""The dashboard in Chromium: what people said stays text, what a user presses happens, everyone can use it."""

from __future__ import annotations

import re

import pytest

from bot.assets import camera_picture
from bot.domain.lifecycle import BotState
from bot.domain.roles import Role
from bot.meeting.badge import neutral_picture
from bot.meeting.thumbnail import WIDTH, thumbnail
from bot.store import bots, characters, lines
from tests.bot.clocks import until
from tests.bot.dashboard.looks import CONTRAST_JS, RUNS_FOREIGN_JS, UNNAMED_JS
from tests.bot.dashboard.stage import Shown
from tests.bot.stores import NOW

pytestmark = [pytest.mark.slow, pytest.mark.parallel, pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
HOLD_MS = 1300


async def test_markup_control_and_turning_characters_stay_text(shown: Shown) -> None:
    bot = await shown.live_bot(bot_name="Iris <b>bold</b>")
    await shown.say(bot, HOSTILE + "\x07\u202eabc", speaker_name=f"{HOSTILE}\u202e\n")
    async with shown.dashboard.store.database.write() as session:
        new = characters.NewCharacter(name=f"Milo {HOSTILE}\u202e", image_path="/nowhere", likeness="fictional")
        await characters.create(session, workspace_id=bot.workspace_id, new=new)
        data = {
            "pii_name": HOSTILE,
            "pii_text": HOSTILE,
            "heading": HOSTILE,
            "evidence": [HOSTILE, "../../x.png"],
            "<i>": HOSTILE,
        }
        await bots.note(session, bot.id, attempt=1, kind="<b>kind</b>", data=data, at=NOW)
    await shown.enter()
    await shown.page.goto(f"{shown.address}#/bots/{bot.id}")
    line = shown.page.locator(".transcript .line")
    await line.wait_for()
    await shown.page.locator(".event", has_text="<b>kind</b>").wait_for()
    words = await line.inner_text()
    choice = await shown.page.locator("#character").inner_text()
    assert "Milo <img src=x" in choice and "\u202e" not in choice
    assert HOSTILE in words and "\ufffdabc" in words and "\u202e" not in words
    assert await shown.page.evaluate("window.hacked === undefined && !document.querySelector('#app script, #app b')")
    assert await shown.page.locator("#app img:not(.picture):not([src='icon.svg']):not(.evidence img)").count() == 0


async def test_the_policy_holds_in_the_browser(shown: Shown) -> None:
    await shown.enter()
    assert await shown.page.evaluate(RUNS_FOREIGN_JS) == []
    assert shown.complaints
    shown.complaints.clear()


async def test_a_megabyte_of_text_is_shown_in_parts(shown: Shown) -> None:
    bot = await shown.live_bot()
    await shown.enter()
    await shown.page.goto(f"{shown.address}#/bots/{bot.id}")
    await shown.page.wait_for_selector(".transcript")
    await shown.say(bot, "0123456789" * 100_000)
    more = shown.page.locator(".transcript button", has_text="Show more")
    await more.wait_for()
    before = len(await shown.page.inner_text(".transcript .said"))
    await more.click()
    assert before < 2000 < 20_000 < len(await shown.page.inner_text(".transcript .said")) < 30_000


async def test_a_line_that_does_not_hold_any_more_goes_as_it_is_corrected_or_taken_back(shown: Shown) -> None:
    bot = await shown.live_bot()
    await shown.say(bot, "we shall sell the house", speaker_name="Speaker A")
    await shown.enter()
    await shown.page.goto(f"{shown.address}#/bots/{bot.id}")
    lines = shown.page.locator(".transcript .line .said")
    await lines.filter(has_text="we shall sell the house").wait_for()
    await shown.say(bot, "we shall sell", speaker_name="Speaker A", supersedes=1)
    await shown.say(bot, "the house", speaker_name="Bob", supersedes=1)
    await lines.filter(has_text=re.compile("^the house$")).wait_for()
    assert await lines.all_inner_texts() == ["we shall sell", "the house"]
    await shown.say(bot, "", supersedes=3)
    await lines.filter(has_text="the house").wait_for(state="detached")
    await shown.say(bot, "yes")
    await lines.filter(has_text="yes").wait_for()
    for _ in range(2):  # as it was told, and as it is read anew
        assert await lines.all_inner_texts() == ["we shall sell", "yes"]
        assert await shown.page.inner_text("#transcript-title .count") == "2"
        await shown.page.reload()
        await lines.filter(has_text="yes").wait_for()


async def test_only_web_links_can_be_followed(shown: Shown) -> None:
    bot = await shown.live_bot("abc-defg-hij?x=javascript:alert(1)")
    await shown.enter()
    await shown.page.goto(f"{shown.address}#/bots/{bot.id}")
    link = shown.page.locator(".bot-facts a")
    assert await link.get_attribute("href") == bot.meeting_url
    assert "noopener" in (await link.get_attribute("rel") or "")
    words = "import('./words.js').then((words) => words.safeLink({0}))"
    for text in ("javascript:alert(1)", "data:text/html,x", "//x", "ftp://x/", "nonsense"):
        assert await shown.page.evaluate(words.format(repr(text))) is None


async def test_a_bot_is_sent_followed_spoken_through_and_asked_to_leave(shown: Shown) -> None:
    await shown.enter()
    await shown.page.fill("#link", "https://meet.google.com/abc-defg-hij")
    await shown.page.click("text=Send now")
    await shown.page.locator(".bot-card .state", has_text="Scheduled").wait_for()
    async with shown.dashboard.store.database.read() as session:
        (bot,) = await bots.list_newest(session, workspace_id=shown.dashboard.store.workspace.id, limit=2)
    await shown.bring_in(bot)
    await shown.page.locator(".bot-card .state", has_text="In the meeting").wait_for()
    await shown.say(bot, "hello there", cut=True, own=True)
    await shown.page.locator(".line.own", has_text="cut off").wait_for()
    await shown.page.fill("#line", "Good morning")
    await shown.page.press("#line", "Enter")
    await shown.page.locator(".event", has_text="Good morning").wait_for()
    async with shown.dashboard.store.database.write() as session:
        assert await lines.take(session, bot.id, attempt=1) == "Good morning"
    await shown.page.locator(".actions button", has_text="Leave").click()
    await shown.page.locator(".event", has_text="Asked to leave from the dashboard").wait_for()


async def test_a_bot_in_a_meeting_is_shown_as_the_meeting_sees_it_and_one_that_is_gone_is_not(shown: Shown) -> None:
    bot = await shown.live_bot()
    kept = camera_picture(shown.dashboard.home, bot.id)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(thumbnail(neutral_picture(640, 360)))
    await shown.enter()
    await shown.page.goto(f"{shown.address}#/bots/{bot.id}")
    await shown.page.locator(".bot-card .picture.live").wait_for()
    assert await shown.page.eval_on_selector(".bot .picture.live", "(seen) => seen.naturalWidth") == WIDTH
    async with shown.dashboard.store.database.write() as session:
        for state in (BotState.LEAVING, BotState.POST_PROCESSING, BotState.ENDED):
            await bots.move(session, bot.id, attempt=1, to=state, at=NOW)
    await shown.page.locator(".bot-card .state", has_text="Ended").wait_for()
    await shown.page.locator(".picture.live").first.wait_for(state="detached")


async def test_one_bot_is_stopped_by_one_click(shown: Shown) -> None:
    bot, other = await shown.live_bot(), await shown.live_bot("oth-erbo-tttt")
    await shown.enter()
    await shown.page.goto(f"{shown.address}#/bots/{bot.id}")
    await shown.page.click("text=Stop now")
    await shown.page.locator(".event", has_text="Stopped by a user").wait_for()
    assert await shown.kinds(bot) == ["asked.kill"] and await shown.kinds(other) == []


async def test_stopping_all_must_be_held_by_pointer_or_key(shown: Shown) -> None:
    bot = await shown.live_bot()
    await shown.enter()
    button = shown.page.locator(".hold")
    await button.click()
    await shown.page.locator(".hold-note", has_text="Hold").wait_for()
    assert await shown.kinds(bot) == []
    await button.click(delay=HOLD_MS)
    await shown.page.locator(".grow", has_text="1 told to stop").wait_for()
    assert await shown.kinds(bot) == ["asked.kill"]
    await button.press("Enter", delay=HOLD_MS)
    await until(lambda: _count(shown, bot, 2))
    for _ in range(2):
        await button.dispatch_event("click", {"detail": 0})
    await until(lambda: _count(shown, bot, 3))


async def test_who_may_only_look_is_offered_nothing_else(shown: Shown) -> None:
    bot = await shown.live_bot()
    await shown.say(bot, "hello")
    await shown.page.set_viewport_size({"width": 320, "height": 800})
    await shown.enter(Role.VIEWER)
    await shown.page.goto(f"{shown.address}#/bots/{bot.id}")
    await shown.page.wait_for_selector(".line")
    assert await shown.page.locator("form, .actions, .hold").count() == 0
    assert await shown.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert "Viewing only" in await shown.page.inner_text(".bar")
    await shown.page.goto(f"{shown.address}#/calendar")
    await shown.page.locator("text=No calendar is connected.").wait_for()
    assert await shown.page.locator("form").count() == 0
    origin = shown.dashboard.origin
    refused = await shown.page.request.post(f"{origin}/api/v1/kill", headers={"Origin": origin})
    assert refused.status == 403


async def _count(shown: Shown, bot: bots.Bot, count: int) -> bool:
    return (await shown.kinds(bot)).count("asked.kill") == count


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read_and_every_control_has_a_name(shown: Shown, scheme: str) -> None:
    bot = await shown.live_bot()
    await shown.dashboard.store.bot("upc-omin-ggg")
    await shown.say(bot, "hello", cut=True, own=True)
    await shown.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for width in (320, 1280):
        await shown.page.set_viewport_size({"width": width, "height": 800})
        await shown.enter()
        for place in ("#/", f"#/bots/{bot.id}"):
            await shown.page.goto(shown.address + place)
            await shown.page.wait_for_selector(".line" if "bots" in place else ".bots .bot")
            assert await shown.page.evaluate(CONTRAST_JS) == []
            assert await shown.page.evaluate(UNNAMED_JS) == []
            assert await shown.page.evaluate("document.documentElement.scrollWidth") <= width


async def test_a_token_typed_by_hand_signs_in_and_signing_out_ends_it(shown: Shown) -> None:
    await shown.page.goto(shown.address)
    await shown.page.fill("#token", "wrong")
    await shown.page.press("#token", "Enter")
    await shown.page.locator(".problem", has_text="keys sign-in").wait_for()
    await shown.page.fill("#token", await shown.dashboard.token())
    await shown.page.click("text=Sign in")
    await shown.page.wait_for_selector(".link.open")
    await shown.page.click("text=Sign out")
    await shown.page.wait_for_selector("#token")
    await shown.page.reload()
    await shown.page.wait_for_selector("#token")


async def test_without_a_live_connection_stopping_is_still_offered_and_told_when_it_fails(shown: Shown) -> None:
    bot = await shown.live_bot()
    await shown.enter()
    await shown.page.goto(f"{shown.address}#/bots/{bot.id}")
    await shown.page.wait_for_selector(".say")
    await shown.page.context.set_offline(True)
    await shown.dashboard.client.server.close()
    await shown.page.wait_for_selector(".banner")
    assert await shown.page.locator(".say button").is_disabled()
    await shown.page.click("text=Stop now")
    await shown.page.locator(".problem", has_text="does not answer").wait_for()
