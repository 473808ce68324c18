"""What goes wrong on the way into a meeting is told with its reason: by the API, in the log, by the exit code."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.config import Settings
from bot.meeting.outcome import REFUSALS
from bot.rehearsal.client import ApiSaidNo
from bot.rehearsal.stage import Stage, on_stage
from connectors.base import Refusal
from tests.caching import CACHE
from tests.journeys.needs import real_parts
from tests.polling import until_true

pytestmark = [pytest.mark.slow, pytest.mark.parallel, pytest.mark.timeout(240), *real_parts]
LOBBY_S = 4.0
END_S = 90.0


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """`log` is the bot's own; `exit_code` what its host wrote down when its process ended."""

    bot: dict[str, Any]
    events: list[dict[str, Any]]
    log: str
    exit_code: int


async def end_of(stage: Stage, bot: dict[str, Any]) -> End:
    last = await stage.client.until_state(bot["id"], (), timeout_s=END_S)
    ended = re.compile(rf"bot ended bot_id={bot['id']} attempt=\d+ exit_code=(\d+)")
    hosts_log = stage.tree.log_of("bot-host")
    await asyncio.to_thread(until_true, lambda: ended.search(hosts_log.read_text()), END_S)
    exit_code = int(ended.findall(hosts_log.read_text())[0])
    own = "".join(path.read_text() for path in (hosts_log.parent / "bots").glob(f"{bot['id']}-*.log"))
    return End(bot=last, events=await stage.client.events(bot["id"]), log=own, exit_code=exit_code)


async def every_refusal(stage: Stage) -> dict[str, Any]:
    """Each on the real parts, one after the other."""
    open_meeting, ends = await stage.host.open(), {}

    async def send(url: str) -> dict[str, Any]:
        return await stage.client.create_bot(meeting_url=url, character_id=stage.character_id)

    wrong = open_meeting.url.replace(open_meeting.code, "zzz-zzzz-zzz")
    ends["wrong link"] = await end_of(stage, await send(wrong))
    ends["lobby"] = await end_of(stage, await send((await stage.host.open()).url))
    meeting = await stage.host.open()
    bot = await send(meeting.url)
    await stage.host.deny(meeting, bot["bot_name"], within_s=END_S)
    ends["denied"] = await end_of(stage, bot)
    with pytest.raises(ApiSaidNo) as refused:
        await stage.client.create_bot(meeting_url=meeting.url, character_id="nobody")
    ends["character"] = refused.value
    return ends


def test_a_refusal_is_a_final_state_with_its_reason_and_nothing_stays(tmp_path: Path) -> None:
    settings = replace(Settings(), home=tmp_path / "h", cache=str(CACHE), api_port=0, lobby_timeout_s=LOBBY_S)
    ends = asyncio.run(on_stage(settings, tell=print, play=every_refusal))
    assert ends is not None
    for name, refusal in (
        ("wrong link", Refusal.NOT_FOUND),
        ("lobby", Refusal.LOBBY_TIMEOUT),
        ("denied", Refusal.DENIED),
    ):
        end, code = ends[name], refusal.value
        assert (end.bot["state"], end.bot["code"]) == ("failed", code), name
        assert refusal.text in end.bot["detail"]
        assert end.events[-1]["state"] == "failed" and end.events[-1]["code"] == code
        assert re.search(rf"\b{code}\b", end.log), end.log
        assert end.exit_code == REFUSALS[refusal].exit_code != 0
    assert ends["character"].status == 404
    assert ends["character"].problem["code"] == "unknown_character"
    assert not [path for path in settings.home.rglob("*") if path.is_socket()]
