"""The same work three ways: as written, with compiled parts, or replayed from a captured graph. Knows no model's maths.

What is captured reads and writes static buffers only, so a replay sees every changed prompt, sound and picture. The
first run of a piece of work is eager and warms up; the second is captured; all later ones are replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from threading import Lock
from typing import Any, ClassVar, Protocol, cast

import torch

from engine.diffusion.errors import PartMissing
from engine.diffusion.model import wan


class Path(StrEnum):
    """How the steady state runs."""

    EAGER = "eager"
    COMPILE = "compile"
    GRAPH = "graph"
    COMPILED_GRAPH = "compiled-graph"

    @property
    def compiled(self) -> bool:
        return self in (Path.COMPILE, Path.COMPILED_GRAPH)

    @property
    def captured(self) -> bool:
        return self in (Path.GRAPH, Path.COMPILED_GRAPH)


class Graph(Protocol):
    """Work that was captured once."""

    def replay(self) -> None: ...


Capture = Callable[[Callable[[], None], str], Graph]  # of work, in a lane

# CUDA knows one capture at a time in a process: a second one synchronises the device, which ends the first
CAPTURING = Lock()


class Runner:
    """Runs named pieces of work. One runner for one session: graphs hold that session's addresses."""

    def __init__(self, path: Path, device: torch.device, capture: Capture | None = None) -> None:
        if path.captured and device.type != "cuda" and capture is None:
            raise PartMissing(f"path {path} needs a CUDA device, not {device}")
        self.path = path
        self.captures = 0
        self._capture = capture or CudaCapture()
        self._warm: set[str] = set()
        self._graphs: dict[str, Graph] = {}

    def run(self, name: str, work: Callable[[], None], *, lane: str = "main") -> None:
        """`work` under this name always touches the same buffers, with the same shapes."""
        if not self.path.captured or name not in self._warm:
            self._warm.add(name)
            work()
            return
        if name not in self._graphs:
            with CAPTURING:
                self._graphs[name] = self._capture(work, lane)
            self.captures += 1
        self._graphs[name].replay()


class CudaCapture:
    """Graphs of one lane are replayed one after the other and share memory; those of two lanes may run at once and
    share none: neither a pool nor the room cuBLAS keeps for sums, of which there is one for each stream captured on."""

    _streams: ClassVar[dict[tuple[int, str], Any]] = {}  # by device and lane, for all sessions

    def __init__(self) -> None:
        self._pools: dict[str, Any] = {}

    def __call__(self, work: Callable[[], None], lane: str) -> Graph:
        """Other sessions' threads go on meanwhile, so only this thread is held to what a capture allows."""
        graph, place = torch.cuda.CUDAGraph(), (torch.cuda.current_device(), lane)
        if place not in self._streams:
            self._streams[place] = torch.cuda.Stream()
        torch.cuda.synchronize()
        pool, stream = self._pools.get(lane), self._streams[place]
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            work()
        self._pools.setdefault(lane, graph.pool())
        return graph


def compile_blocks(trunk: wan.CausalWan, **options: Any) -> None:
    """Compile what stands before and after each attention, in place. Attention itself, with its turning ring, stays as
    it is. All layers share the compiled code: nothing in it depends on a layer's number."""
    for block in cast("Iterable[wan.Block]", trunk.blocks):
        block.before = torch.compile(block.before, fullgraph=True, **options)  # type: ignore[method-assign]
        block.after = torch.compile(block.after, fullgraph=True, **options)  # type: ignore[method-assign]
