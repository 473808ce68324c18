"""What `bench diffusion --matrix` measures, and what is asked of it: rows and targets as data.

On a GPU the shapes of published checkpoints, on a CPU the tiny ones in the same places, without targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

DIFFUSION, DECODING, HEARING, SERIES = "diffusion", "decoding", "hearing", "in series"  # of four frames
RUNNING, COLD = "first generated frame, running", "first generated frame, cold"
BUDGET_24_FPS_MS = 1000 / 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    name: str
    config: str
    path: str = "graph"
    changes: tuple[str, ...] = ()
    shard: int = 1
    most_ms: Mapping[str, float] = field(default_factory=dict)  # what is asked for on one H200


SIZE_480P = ("width_px=832", "height_px=480")
SIZE_720P = ("width_px=1280", "height_px=720")
GPU_ROWS = (
    Row(
        name="1.3B 512x512, window 15, blocks of 3",
        config="livetalk-1.3b",
        most_ms={DIFFUSION: 85, DECODING: 35, RUNNING: 185, COLD: 100},
    ),
    *(
        Row(name=f"the same, {path}", config="livetalk-1.3b", path=path)
        for path in ("eager", "compile", "compiled-graph")
    ),
    Row(
        name="1.3B 512x512, window 15, blocks of 1",
        config="livetalk-1.3b",
        changes=("block_latents=1",),
        most_ms={RUNNING: 100},
    ),
    *(
        Row(
            name=f"1.3B {size}, window {window}, blocks of 3",
            config="livetalk-1.3b",
            changes=(*changes, f"window_latents={window}", "sink_latents=3"),
            most_ms=asked,
        )
        for size, changes, window, asked in (
            ("512x512", (), 9, {}),
            ("512x512", (), 6, {}),
            ("832x480", SIZE_480P, 15, {}),
            ("832x480", SIZE_480P, 9, {SERIES: BUDGET_24_FPS_MS}),
            ("832x480", SIZE_480P, 6, {}),
        )
    ),
    Row(name="1.3B 832x480, tiny decoder", config="livetalk-1.3b", changes=(*SIZE_480P, "tiny_decoder=1")),
    Row(name="1.3B 720p, window 6, 2 + 1 passes, blocks of 1", config="char-1.3b-720p"),
    Row(name="1.3B 720p, window 6, 2 passes, blocks of 1", config="char-1.3b-720p", changes=("clean=0",)),
    Row(name="14B 512x512, window 6, 2 passes", config="char-14b-720p", changes=("width_px=512", "height_px=512")),
    Row(name="14B 720p, window 5, 2 passes, one of 4 shards", config="char-14b-720p", shard=4),
    Row(name="S2V-14B 704x384, window 12, 4 passes, one of 4 shards", config="liveavatar-14b", shard=4),
)
CPU_ROWS = (
    Row(name="tiny, blocks of 3", config="tiny-3", path="eager"),
    Row(name="tiny, blocks of 1", config="tiny", path="eager"),
    Row(name="tiny S2V, one of 2 shards", config="tiny-s2v", path="eager", shard=2),
)


def measured(
    row: Row, measure: Callable[[Row], dict[str, Any]], refusals: tuple[type[Exception], ...]
) -> dict[str, Any]:
    """A row's figures beside what was asked, or why it has none: one shape too large for a GPU costs no other."""
    told: dict[str, Any] = {"config": row.config, "path": row.path, "set": list(row.changes), "shard": row.shard}
    try:
        figures = measure(row)
    except refusals as error:
        return told | {"failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    if row.most_ms:
        asked = {name: {"most_ms": most, "ms": figures["four_frames_ms"][name]} for name, most in row.most_ms.items()}
        told["asked"] = {name: pair | {"met": pair["ms"] <= pair["most_ms"]} for name, pair in asked.items()}
    return told | {"figures": figures}
