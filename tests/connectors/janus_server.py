"""A Janus server of a test's own: Debian's program and Debian's pages of it, on loopback, gone with the test.

    async with JanusServer() as janus:
        room = await janus.create_room()
        janus.page(room)  # what a participant opens

Its configuration is written here, for the VideoRoom alone. What the host of a room does goes by the server's own API.
"""

from __future__ import annotations

import secrets
import shutil
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web

from connectors.kit.folders import make_folder
from connectors.kit.processes import Child, clean_environment
from tests.polling import eventually

DEMOS, LIBRARIES = Path("/usr/share/janus/demos"), Path("/usr/share/javascript")
PAGE = "videoroomtest.html"
START_S = 20.0
ANSWER_S = 10.0
HOSTS = "the host's secret"
PLUGINS = ("audiobridge", "duktape", "echotest", "lua", "nosip", "recordplay", "sip", "streaming", "textroom")
OTHER_WAYS = ("mqtt", "nanomsg", "pfunix", "rabbitmq")


def is_installed() -> bool:
    return shutil.which("janus") is not None and (DEMOS / PAGE).exists()


class JanusServer:
    """One process and a server of its pages. `api_secret`: what it asks of its clients, which its page does not know.
    `rooms`: False for one that has no VideoRoom. `http`: its page asks by HTTP, as Debian's does unless it is told."""

    def __init__(self, *, api_secret: str = "", rooms: bool = True, http: bool = False) -> None:
        self._api_secret, self._rooms, self._http = api_secret, rooms, http
        self._admin_secret = secrets.token_hex(8)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._folder = make_folder("janus")
            stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self._port, self._admin_port, self._http_port = _free_ports(3)
            await self._start()
            stack.push_async_callback(self.stop)
            await eventually(self._answers, START_S)
            self._client = await stack.enter_async_context(aiohttp.ClientSession())
            self.base_url = await self._serve_pages(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def pid(self) -> int:
        return self._child.pid

    def page(self, room: int) -> str:
        return f"{self.base_url}/{PAGE}?room={room}"

    async def stop(self) -> None:
        await self._child.stop()

    async def create_room(self, **more: Any) -> int:
        """Speech is told after half a second; there is bandwidth for any picture of ours."""
        room = secrets.randbelow(10**9) + 1
        told = {"audiolevel_event": True, "audio_active_packets": 25, "audio_level_average": 40}
        await self.ask("create", **{"room": room, "publishers": 6, "bitrate": 4_000_000, **told, **more})
        return room

    async def people(self, room: int) -> dict[str, int]:
        """Their ids by their names."""
        listed = await self.ask("listparticipants", room=room)
        return {one["display"]: one["id"] for one in listed["participants"]}

    async def ask(self, request: str, **more: Any) -> dict[str, Any]:
        """One request of a room's host to the VideoRoom, in a session of its own."""
        async with self._client.ws_connect(f"ws://127.0.0.1:{self._port}", protocols=("janus-protocol",)) as socket:
            ids: dict[str, Any] = {"apisecret": self._api_secret} if self._api_secret else {}
            ids["session_id"] = (await _answer(socket, {"janus": "create", **ids}))["data"]["id"]
            plugin = {"janus": "attach", "plugin": "janus.plugin.videoroom", **ids}
            ids["handle_id"] = (await _answer(socket, plugin))["data"]["id"]
            body = {"request": request, "secret": HOSTS, **more}
            told = (await _answer(socket, {"janus": "message", "body": body, **ids}))["plugindata"]["data"]
        assert "error" not in told, f"{request}: {told}"
        return dict(told)

    async def sessions(self) -> int:
        """How many clients the server has at this moment."""
        address = f"ws://127.0.0.1:{self._admin_port}"
        async with self._client.ws_connect(address, protocols=("janus-admin-protocol",)) as socket:
            asked = {"janus": "list_sessions", "admin_secret": self._admin_secret}
            return len((await _answer(socket, asked))["sessions"])

    async def _start(self) -> None:
        for name, text in self._configuration().items():
            (self._folder / name).write_text(text, "utf-8")
        words = ["-F", str(self._folder), "-C", str(self._folder / "janus.jcfg"), "-i", "127.0.0.1", "-o"]
        self._child = await Child.start("janus", words, clean_environment(self._folder))

    def _answers(self) -> bool:
        assert self._child.running, self._child.said
        for port in (self._port, *((self._http_port,) if self._http else ())):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True

    def _configuration(self) -> dict[str, str]:
        secret = f'api_secret = "{self._api_secret}"' if self._api_secret else ""
        without = (*PLUGINS, "videocall", "voicemail", *(() if self._rooms else ("videoroom",)))
        plugins = ",".join(f"libjanus_{name}.so" for name in without)
        ways = ",".join(f"libjanus_{name}.so" for name in (*OTHER_WAYS, *(() if self._http else ("http",))))
        return {
            "janus.jcfg": f"""general: {{ configs_folder = "{self._folder}"
  admin_secret = "{self._admin_secret}"
  {secret}
}}
nat: {{ ice_enforce_list = "lo" }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{ways}" }}
""",
            "janus.transport.websockets.jcfg": f"""general: {{ ws = true
  ws_ip = "127.0.0.1"
  ws_port = {self._port}
}}
admin: {{ admin_ws = true
  admin_ws_ip = "127.0.0.1"
  admin_ws_port = {self._admin_port}
}}
""",
            "janus.transport.http.jcfg": f"""general: {{ base_path = "/janus"
  http = true
  ip = "127.0.0.1"
  port = {self._http_port}
}}
""",
            "janus.plugin.videoroom.jcfg": "general: { }\n",
        }

    async def _serve_pages(self, stack: AsyncExitStack) -> str:
        """Debian's pages but for the one file whoever runs a server writes: where it is, and nothing of STUN."""
        address = f"http://127.0.0.1:{self._http_port}/janus" if self._http else f"ws://127.0.0.1:{self._port}"
        settings = f'var server = "{address}", iceServers = [], token = "", apisecret = "";'

        async def ours(request: web.Request) -> web.Response:
            return web.Response(text=settings, content_type="application/javascript")

        async def strange(request: web.Request) -> web.Response:
            return web.Response(text="<h1>Something else</h1>", content_type="text/html")

        app = web.Application()
        app.router.add_get("/settings.js", ours)
        app.router.add_get(f"/other/{PAGE}", strange)
        app.router.add_static("/javascript", LIBRARIES, follow_symlinks=True)
        app.router.add_static("/", DEMOS, follow_symlinks=True)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def _answer(socket: aiohttp.ClientWebSocketResponse, message: dict[str, Any]) -> dict[str, Any]:
    """What the server says to this message. Raises AssertionError when it is an error."""
    transaction = secrets.token_hex(6)
    await socket.send_json({**message, "transaction": transaction})
    while True:
        said = await socket.receive_json(timeout=ANSWER_S)
        if said.get("transaction") == transaction and said["janus"] != "ack":
            assert said["janus"] in ("success", "event"), said
            return dict(said)


def _free_ports(count: int) -> list[int]:
    """The server takes no 0, nor says what it took."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
