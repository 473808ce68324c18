"""Nobody touches a transceiver's direction: a platform's page that finds one changed drops the call or the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.base import JoinRequest
from connectors.janus.connector import JanusConnector
from connectors.kit.web.connector import WebConnector
from connectors.registry import open_connector
from connectors.simulator.screens import PLATFORMS, table
from tests.connectors import needs
from tests.connectors.contract import NAME, playing, until
from tests.connectors.janus_server import JanusServer, is_installed
from tests.connectors.meeting_stage import meeting_stage

pytestmark = [
    pytest.mark.acceptance,
    *needs.browser,
    *needs.sound,
]

# Notes who sets a direction, by their stack, or stops a transceiver, in any frame: connections may be another page's.
TRAP_JS = """(() => {
  const noted = (window.top.directionsChanged ??= []);
  const of = RTCRtpTransceiver.prototype;
  const { get, set } = Object.getOwnPropertyDescriptor(of, "direction");
  const note = () => noted.push(new Error().stack.split("\\n").slice(3).join(" | "));
  Object.defineProperty(of, "direction", { get, set(value) { note(); set.call(this, value); }, configurable: true });
  for (const name of ["stop", "setDirection"]) {
    const native = of[name];
    if (native) of[name] = function (...given) { note(); return native.apply(this, given); };
  }
})()"""
CHANGE_JS = """() => {
  const link = [...window.understudyLinks].find((one) => one.getTransceivers().length);
  if (!link) return false;
  const one = link.getTransceivers()[0];
  one.direction = one.direction;
  return true;
}"""
PRESS_JS = """(label) => [...document.querySelectorAll("button")]
  .find((one) => one.ariaLabel === label && one.checkVisibility())?.click()"""
CONNECTED_JS = "() => [...window.understudyLinks].some((one) => one.connectionState === 'connected')"


async def changes(connector: WebConnector) -> list[str]:
    return list(await connector.browser.page.evaluate("window.directionsChanged"))


async def trap_works(connector: WebConnector, before: list[str]) -> None:
    assert await connector.browser.page.evaluate(CHANGE_JS)
    assert len(await changes(connector)) == len(before) + 1, "the trap notes what is done"


async def press(connector: WebConnector, label: str) -> None:
    """Where there is such a button now: the bot itself may press it as well while it settles in."""
    await connector.browser.page.evaluate(PRESS_JS, label)


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_no_direction_changes_from_the_door_to_the_goodbye(platform: str, tmp_path: Path) -> None:
    async with meeting_stage(tmp_path / "guest", platform) as stage:
        url = await stage.open_meeting(lobby=False)
        await stage.guest_joins("Guest")
        stage.room.policy = type(stage.room.policy)(lobby=True, admit_after_s=1.0)
        async with open_connector(url, tmp_path / "bot") as connector:
            assert isinstance(connector, WebConnector)
            await connector.browser.context.add_init_script(TRAP_JS)
            await connector.join(JoinRequest(meeting_url=f"{url}?variant=camera_off", display_name=NAME))
            with playing(connector, hz=440.0, luma=180):
                await until(lambda: connector.browser.page.evaluate(CONNECTED_JS))
                await until(lambda: is_on_again(stage))
                await toggle(connector, platform)
            assert await changes(connector) == []
            await trap_works(connector, [])
            await connector.leave()
            assert len(await changes(connector)) == 1


async def is_on_again(stage: Any) -> bool:
    """The bot's camera, which its lobby switched off."""
    return all(seat.state["camera"] for seat in stage.room.people() if seat.name == NAME)


async def toggle(connector: WebConnector, platform: str) -> None:
    """Camera and screen, off and on, by the page's own buttons."""
    labels = table(platform)["labels"]
    for name in ("camera_off", "camera_on", "share", "share"):
        await press(connector, labels[name])
        await connector.browser.page.evaluate("() => new Promise(requestAnimationFrame)")


@pytest.mark.skipif(not is_installed(), reason="no Janus is installed (Debian's janus and janus-demos)")
async def test_no_script_of_ours_changes_one_on_janus(tmp_path: Path) -> None:
    async with JanusServer() as janus, JanusConnector(tmp_path / "bot") as connector:
        url = janus.page(await janus.create_room())
        await connector.browser.context.add_init_script(TRAP_JS)
        await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
        with playing(connector, hz=440.0, luma=180):
            await until(lambda: connector.browser.page.evaluate(CONNECTED_JS))
        made = await changes(connector)
        assert all("/janus-gateway/janus." in stack.split(" | ")[0] for stack in made), made
        await trap_works(connector, made)
        await connector.leave()
