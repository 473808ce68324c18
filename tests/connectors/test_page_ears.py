"""The page's part of the ears, in a real Chromium: a page that calls itself, again and again."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from connectors.kit.browser import PROGRAMS, Browser
from connectors.kit.capture import STREAM_LIMIT, AudioOutlet, PageEars, ears_script
from connectors.kit.channel import Channel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed"),
]

_CALL_JS = """async ([count, name]) => {
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 500 });
  tone.start();
  for (let turn = 0; turn < count; turn += 1) {
    const source = new MediaStreamAudioDestinationNode(context);
    tone.connect(source);
    const [here, there] = [new RTCPeerConnection(), new RTCPeerConnection()];
    here.onicecandidate = ({ candidate }) => candidate && there.addIceCandidate(candidate);
    there.onicecandidate = ({ candidate }) => candidate && here.addIceCandidate(candidate);
    const arrived = new Promise((resolve) => { there.ontrack = ({ streams }) => resolve(streams[0]); });
    here.addTrack(source.stream.getAudioTracks()[0], source.stream);
    await here.setLocalDescription();
    await there.setRemoteDescription(here.localDescription);
    await there.setLocalDescription();
    await here.setRemoteDescription(there.localDescription);
    const audio = document.createElement("audio");
    audio.srcObject = await arrived;
    if (turn === count - 1) {
      const tile = document.createElement("div");
      tile.dataset.who = name;
      tile.append(audio);
      document.body.append(tile);
      await audio.play();
    } else {
      here.close();
      there.close();
    }
  }
}"""


async def test_more_people_than_fit_at_once_come_and_go_and_the_last_is_heard(tmp_path: Path) -> None:
    outlet = AudioOutlet()
    ears = PageEars(outlet, asyncio.get_running_loop().time())
    async with Channel() as channel, Browser(tmp_path) as browser:
        channel.serve("ears", ears.handle)
        script = ears_script(channel.ws_url("ears"), tiles="[data-who]", attribute="data-who")
        await browser.context.add_init_script(script)
        await browser.page.goto(channel.blank_url)
        await browser.page.evaluate(_CALL_JS, [STREAM_LIMIT + 16, "last"])
        async with asyncio.timeout(20), aclosing(outlet.stream()) as chunks:
            async for chunk in chunks:
                if chunk.participant == "last" and np.abs(chunk.pcm.astype(int)).max() > 1000:
                    break
        assert ears.streams <= 2, "ended tracks are still followed"
