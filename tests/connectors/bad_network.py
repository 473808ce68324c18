"""A network between two peers that loses, holds back and doubles packets by rule: real UDP, on this machine alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

Rule = Callable[[int], tuple[float, ...]]  # the how-manieth packet of sound: the delays of its copies, in seconds

PAYLOAD_TYPE = 0x7F
OPUS = 111  # Chromium's number for it


class BadNetwork:
    """`through` gives, for the address of a peer, another that leads to it. Each peer must get those of the other."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._doors: dict[tuple[str, int], _Door] = {}
        self.sounds = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for door in self._doors.values():
            door.transport.close()

    async def through(self, host: str, port: int) -> int:
        """The port that leads to the peer, on the same host."""
        peer = (host, port)
        if peer not in self._doors:
            loop = asyncio.get_running_loop()
            _, self._doors[peer] = await loop.create_datagram_endpoint(lambda: _Door(self, peer), local_addr=(host, 0))
        return int(self._doors[peer].transport.get_extra_info("sockname")[1])

    def carry(self, packet: bytes, sender: tuple[str, int], receiver: tuple[str, int]) -> None:
        """From the door of the sender, so that the answer finds its way."""
        door = self._doors.get(sender)
        if door is None:
            return
        delays: tuple[float, ...] = (0.0,)
        if len(packet) > 12 and packet[0] >> 6 == 2 and packet[1] & PAYLOAD_TYPE == OPUS:
            delays = self._rule(self.sounds)
            self.sounds += 1
        for delay_s in delays:
            asyncio.get_running_loop().call_later(delay_s, door.transport.sendto, packet, receiver)


class _Door(asyncio.DatagramProtocol):
    def __init__(self, network: BadNetwork, peer: tuple[str, int]) -> None:
        self._network, self._peer = network, peer
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._network.carry(data, addr, self._peer)
