"""A mapping that keeps what was set last: what is remembered of people must not grow with how many come and go."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Newest(OrderedDict[K, V]):
    """At most `limit` items; the one set longest ago goes first, unless `stays` says of its key that it must not."""

    def __init__(self, limit: int, *, stays: Callable[[K], bool] = lambda key: False) -> None:
        super().__init__()
        self._limit, self._stays = limit, stays

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._limit and (gone := next((one for one in self if not self._stays(one)), None)) is not None:
            del self[gone]
