"""What a sound server holds, reckoned beside a model of one that is told from outside what really happens."""

from __future__ import annotations

import random

import pytest

from connectors.kit.fill import FULL_AFTER, Fill

TARGET_S, STEP_S = 0.04, 0.01


class Server:
    """Holds at most `TARGET_S`; time passes by hand. A writer is made to wait until there is room."""

    def __init__(self) -> None:
        self.now_s, self.held_s = 100.0, 0.0
        self.fill = Fill(TARGET_S)

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.held_s = max(0.0, self.held_s - seconds)

    def write(self, *, put_aside_s: float = 0.0) -> None:
        """`put_aside_s`: the writer has its turn again so long after the server took the sound."""
        began_s = self.now_s
        self.pass_time(max(0.0, self.held_s + STEP_S - TARGET_S))
        self.held_s += STEP_S
        self.pass_time(put_aside_s)
        self.fill.wrote(STEP_S, began_s=began_s, now_s=self.now_s)

    @property
    def error_ms(self) -> float:
        return 1000 * (self.fill.held_s(self.now_s) - self.held_s)


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_server_that_is_kept_full_holds_its_target(server: Server) -> None:
    for _ in range(20):
        server.write()
    assert server.fill.held_s(server.now_s) == pytest.approx(TARGET_S)
    server.pass_time(0.015)
    assert server.fill.held_s(server.now_s) == pytest.approx(0.025)


def test_one_that_ran_dry_is_reckoned_anew_and_not_below_nothing(server: Server) -> None:
    for pause_s in (0.03, 0.045, 0.5, 3.0):
        server.pass_time(pause_s)
        for _ in range(20):
            server.write()
            assert abs(server.error_ms) < 0.01


@pytest.mark.parametrize("seed", range(5))
def test_a_busy_machine_puts_the_reckoning_off_for_a_moment_only(server: Server, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(2000):
        if chance.random() < 0.1:
            server.pass_time(chance.expovariate(1 / 0.05))
        server.write(put_aside_s=chance.expovariate(1 / 0.03) if chance.random() < 0.1 else 0.0)
        assert abs(server.error_ms) <= 1000 * TARGET_S
    for _ in range(2 * FULL_AFTER):
        server.write()
    assert abs(server.error_ms) < 0.01


def test_what_it_holds_more_than_was_reckoned_shows_by_its_making_us_wait(server: Server) -> None:
    for _ in range(20):
        server.write()
    server.fill = Fill(TARGET_S)  # as if nothing were known
    for _ in range(FULL_AFTER):
        server.write()
    assert abs(server.error_ms) < 0.01


def test_a_flush_leaves_nothing(server: Server) -> None:
    for _ in range(20):
        server.write()
    server.fill.emptied()
    assert server.fill.held_s(server.now_s) == 0.0
