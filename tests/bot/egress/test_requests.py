"""Guarded requests to real servers on loopback, which the tests' operator allows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bot.egress.addresses import AddressRefused, parse_networks
from bot.egress.requests import Egress, Limits, NoAnswer
from bot.egress.resolver import NameUnknown, SystemResolver
from tests.bot.egress.servers import Names, contexts

HERE = parse_networks("127.0.0.1")
QUICK = Limits(total_s=0.1)
PATIENT = Limits(body_bytes=100)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Says to every connection what it was made with; keeps what it was told, and where."""

    def __init__(self, says: bytes, *, then_hang: bool = False) -> None:
        self._says, self._then_hang = says, then_hang
        self.heard: list[bytes] = []
        self.names: list[str | None] = []  # by SNI

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self._says)
        try:
            await writer.drain()
            if self._then_hang:
                await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(server: Server, host: str = "127.0.0.1", port: int = 0, tls: Any = None) -> AsyncIterator[int]:
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: server.names.append(name)
    listener = await asyncio.start_server(server.talk, host, port, ssl=tls)
    async with listener:
        yield listener.sockets[0].getsockname()[1]


async def ask(port: int, names: Names | None = None, limits: Limits = PATIENT, tls: Any = None) -> Any:
    egress = Egress(allow=HERE, resolver=names or Names(["127.0.0.1"]), limits=limits, tls=tls)
    scheme = "https" if tls else "http"
    return await egress.request("POST", f"{scheme}://hooks.example.com:{port}/a?b", headers={"X-A": "1"}, body=b"{}")


async def test_it_connects_to_the_judged_address_with_the_names_own_host_and_server_name(tmp_path: Any) -> None:
    server = Server(OK)
    ours, trusting = contexts(tmp_path, "hooks.example.com")
    async with listening(server, tls=ours) as port:
        answer = await ask(port, tls=trusting)
    assert (answer.status, answer.body, answer.cut) == (200, b"ok", False)
    assert server.names == ["hooks.example.com"]
    assert server.heard[0].startswith(b"POST /a?b HTTP/1.1\r\n")
    assert f"host: hooks.example.com:{port}\r\n".encode() in server.heard[0].lower()


async def test_a_certificate_of_another_name_is_not_accepted(tmp_path: Any) -> None:
    ours, trusting = contexts(tmp_path, "other.example.com")
    async with listening(Server(OK), tls=ours) as port:
        with pytest.raises(NoAnswer) as failed:
            await ask(port, tls=trusting)
    assert failed.value.reason == "tls_failed"


async def test_a_name_that_leads_elsewhere_a_moment_later_changes_nothing() -> None:
    here, elsewhere = Server(OK), Server(OK)
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with listening(here) as port, listening(elsewhere, "127.0.0.2", port):
        await ask(port, names)
        assert (names.asked, len(here.heard)) == (["hooks.example.com"], 1), "one question for one request"
        with pytest.raises(AddressRefused):
            await ask(port, names)
        with pytest.raises(AddressRefused):
            await ask(port, Names(["127.0.0.1", "127.0.0.2"]))
    assert (len(here.heard), elsewhere.heard) == (1, [])


async def test_the_systems_own_answer_is_judged_too() -> None:
    found = await SystemResolver().resolve("localhost", 80)
    assert "127.0.0.1" in map(str, found) or "::1" in map(str, found)
    with pytest.raises(NameUnknown):
        await SystemResolver().resolve("a" * 64 + ".invalid", 443)
    with pytest.raises(AddressRefused):
        await Egress(resolver=Names(["169.254.169.254"])).request("POST", "https://hooks.example.com/", headers={})


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    elsewhere = Server(OK)
    async with listening(elsewhere) as inner:
        moved = f"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:{inner}/\r\nContent-Length: 0\r\n\r\n"
        async with listening(Server(moved.encode())) as port:
            answer = await ask(port)
    assert (answer.status, elsewhere.heard) == (307, [])


@pytest.mark.parametrize(
    ("says", "hangs"),
    [
        (b"Content-Length: 9000000\r\n\r\n" + b"x" * 1_000_000, False),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"3e8\r\n" + b"x" * 1000 + b"\r\n", True),
        (b"Content-Encoding: gzip\r\nContent-Length: 200\r\n\r\n" + b"\x1f\x8b" + b"x" * 198, False),
    ],
    ids=["long", "endless", "compressed"],
)
async def test_of_a_body_no_more_than_the_limit_is_kept(says: bytes, hangs: bool) -> None:
    async with listening(Server(b"HTTP/1.1 200 OK\r\n" + says, then_hang=hangs)) as port:
        answer = await ask(port)
    assert (answer.status, len(answer.body), answer.cut) == (200, 100, True)


async def test_a_status_stands_though_its_body_never_comes() -> None:
    slow = Server(b"HTTP/1.1 201 Made\r\nContent-Length: 10\r\n\r\nabc", then_hang=True)
    async with listening(slow) as port:
        answer = await ask(port, limits=replace(PATIENT, body_s=0.05))
    assert (answer.status, answer.body, answer.cut) == (201, b"abc", True)


@pytest.mark.parametrize(
    ("says", "hangs", "reason"),
    [
        (b"", True, "timed_out"),
        (b"HTTP/1.1 200 OK\r\nX-A: ", True, "timed_out"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 50, True, "timed_out"),
        (b"", False, "broken_answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", False, "broken_answer"),
        (b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 100_000 + b"\r\n\r\n", False, "broken_answer"),
    ],
    ids=["silent", "stuck", "interim", "gone", "not_http", "long_header"],
)
async def test_a_server_that_does_not_answer_ends_as_a_reason_in_time(says: bytes, hangs: bool, reason: str) -> None:
    async with listening(Server(says, then_hang=hangs)) as port:
        with pytest.raises(NoAnswer) as failed:
            await ask(port, limits=QUICK if hangs else PATIENT)
    assert failed.value.reason == reason


async def test_nobody_there_and_no_name_are_told_apart() -> None:
    async with listening(Server(OK)) as port:
        pass
    with pytest.raises(NoAnswer) as failed:
        await ask(port)
    assert failed.value.reason == "not_connected"
    with pytest.raises(NameUnknown):
        await ask(port, Names([]))


class Mute:
    async def resolve(self, host: str, port: int) -> Any:
        await asyncio.Event().wait()


async def test_a_name_server_that_does_not_answer_is_not_waited_for() -> None:
    egress = Egress(allow=HERE, resolver=Mute(), limits=replace(PATIENT, lookup_s=0.02))
    with pytest.raises(NameUnknown):
        await egress.request("POST", "https://hooks.example.com/", headers={})


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(Server(OK)) as port:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert (await ask(port)).status == 200
