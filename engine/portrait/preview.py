"""What a character looks like before it is used: a sheet of mouths and lids, a clip that speaks.

The sheet is to be looked at by a person: no number says whether a mouth looks right. Clips need ffmpeg.

As a process, for who has meetings to run: python -m engine.portrait.preview IMAGE RECORD SHEET. The last line of its
standard output is JSON: {}, or {"code": ..., "error": ..., "bad_picture": ...}. It gives way to meetings, in time and
in memory.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.api import (
    FRAMES_PER_BLOCK,
    SPEECH_RATE_HZ,
    BadCharacter,
    EngineError,
    Frames,
    Pcm,
    SpeechTiming,
    VideoFormat,
)
from engine.lipsync.mouth import Mouth
from engine.lipsync.visemes import TARGETS
from engine.portrait.expression import Look
from engine.portrait.face import Face
from engine.portrait.parent import be_told_of_its_end
from engine.portrait.record import Record, load_record
from engine.portrait.render import Renderer

SIZE = VideoFormat(width=1280, height=720, fps=24)
TILE_PX, TILES_A_ROW = 300, 5
BEFORE_S, AFTER_S = 1.0, 2.5  # of the listening face around the speech
CLIP_TIMEOUT_S = 300.0
NICE, FIRST_TO_GO = 10, "1000"
OTHERS: dict[str, Look] = {
    "half a blink": Look(blink=0.5),
    "blink": Look(blink=1.0),
    "aside": Look(gaze_xy=(0.5, 0.1)),
    "turned": Look(turn_rad=(0.045, 0.04, 0.02)),
    "brows": Look(brow=0.3),
    "idle": Look(turn_rad=(-0.02, -0.005, -0.006), gaze_xy=(-0.1, 0.0), breath=0.6),
    "listening": Look(turn_rad=(0.008, 0.045, 0.004), gaze_xy=(0.12, 0.02)),
    "thinking": Look(turn_rad=(0.012, 0.002, 0.008), gaze_xy=(0.22, -0.1)),
    "speaking": Look(mouth=TARGETS["mid"], turn_rad=(-0.015, 0.018, -0.005), brow=0.28),
    "laugh": Look(mouth=Mouth(open=0.42, wide=0.2, upper=0.02), turn_rad=(0.0, -0.015, 0.01), blink=0.15, brow=0.3),
}

Speech = Sequence[tuple[Pcm, SpeechTiming | None]]


class NoClip(EngineError):
    """The clip could not be made: ffmpeg is missing or failed; the message says which."""

    code = "no_clip"


class NotWritten(EngineError):
    """The sheet or clip cannot be written where it shall lie; the message says why."""

    code = "not_written"


def write_sheet(record: Record, path: Path) -> None:
    """What `sheet_of` makes, in a file. Raises NotWritten."""
    with _whole(path) as part:
        part.write_bytes(sheet_of(record))


def sheet_of(record: Record) -> bytes:
    """Every viseme, the lids and the head, side by side, as PNG."""
    renderer = Renderer(record, SIZE)
    x, y, rx, ry = (value * SIZE.width / record.still.shape[1] for value in record.head.face)
    columns = slice(int(max(0, x - 1.45 * rx)), int(min(SIZE.width, x + 1.45 * rx)))
    rows = slice(int(max(0, y - 1.15 * ry)), int(min(SIZE.height, y + 1.25 * ry)))
    looks = {**{name: Look(mouth=mouth) for name, mouth in TARGETS.items()}, **OTHERS}
    tiles = []
    for name, look in looks.items():
        frame = renderer.background.copy()
        renderer.paint_into(frame, look)
        part = cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_I420)[rows, columns]
        height = round(TILE_PX * part.shape[0] / part.shape[1])
        tile = cv2.resize(part, (TILE_PX, height), interpolation=cv2.INTER_AREA)
        for thick, colour in ((3, (0, 0, 0)), (1, (255, 255, 255))):
            cv2.putText(tile, name, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thick, cv2.LINE_AA)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % TILES_A_ROW)
    sheet = np.vstack([np.hstack(tiles[at : at + TILES_A_ROW]) for at in range(0, len(tiles), TILES_A_ROW)])
    return cv2.imencode(".png", sheet)[1].tobytes()


def write_clip(record: Record, speech: Speech, path: Path, *, seed: int = 0) -> None:
    """The face listens, speaks and listens again, as MP4. Raises NoClip, NotWritten."""
    count = round(BEFORE_S * SPEECH_RATE_HZ)
    total = count + sum(len(pcm) for pcm, _ in speech) + round(AFTER_S * SPEECH_RATE_HZ)
    blocks = -(-total // SIZE.samples_per_block)
    before = round(BEFORE_S * SPEECH_RATE_HZ / SIZE.samples_per_block)
    face = Face(Renderer(record, SIZE), seed)
    with tempfile.TemporaryDirectory(prefix="clip-") as folder:
        sound = Path(folder) / "sound.wav"
        _write_sound(sound, [pcm for pcm, _ in speech], before * SIZE.samples_per_block)
        command = [
            "ffmpeg", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p",
            "-s", f"{SIZE.width}x{SIZE.height}", "-r", str(SIZE.fps), "-i", "-", "-i", str(sound),
            "-pix_fmt", "yuv420p", "-crf", "20", "-f", "mp4",
        ]  # fmt: skip
        _encode(command, _frames(face, speech, blocks, before), path)


def _frames(face: Face, speech: Speech, blocks: int, before: int) -> Iterator[Frames]:
    ring = np.stack([face.background] * FRAMES_PER_BLOCK)
    for number in range(blocks):
        if number == before:
            for pcm, timing in speech:
                face.speak(pcm, timing, 1)
        face.make(ring)
        yield from ring


def _write_sound(path: Path, pieces: Sequence[Pcm], silence: int) -> None:
    pcm: NDArray[np.int16] = np.concatenate([np.zeros(silence, np.int16), *pieces])
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SPEECH_RATE_HZ)
        out.writeframes(pcm.astype("<i2").tobytes())


def _encode(command: list[str], frames: Iterator[Frames], path: Path) -> None:
    with _whole(path) as part:
        _encoded([*command, str(part)], frames)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """What is written here becomes `path` at once, or that stays as it was. Raises NotWritten."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise NotWritten(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # where nothing can be written nothing can be removed
            part.unlink(missing_ok=True)


def _encoded(command: list[str], frames: Iterator[Frames]) -> None:
    try:
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said)
            assert process.stdin is not None
            try:
                for frame in frames:
                    process.stdin.write(frame.tobytes())
                process.stdin.close()
                failed = process.wait(CLIP_TIMEOUT_S)
            except BrokenPipeError:  # it ended before the clip did, and has said why
                failed = process.wait(CLIP_TIMEOUT_S) or 1
            finally:
                process.kill()
                process.wait()
            said.seek(0)
            if failed:
                raise NoClip(f"ffmpeg failed: {said.read().decode(errors='replace').strip()[-300:]}")
    except FileNotFoundError as error:
        raise NoClip("ffmpeg is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise NoClip("ffmpeg never ended") from error


def main() -> int:
    be_told_of_its_end(signal.SIGTERM)
    os.nice(NICE)
    with suppress(OSError):  # a system may keep this from us
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    image, record, sheet = (Path(word) for word in sys.argv[1:4])
    told = {}
    try:
        sheet.write_bytes(sheet_of(load_record(image, record)))
    except EngineError as error:
        told = {"code": error.code, "error": str(error), "bad_picture": isinstance(error, BadCharacter)}
    except OSError as error:  # its path is nothing for those who ask by the API
        why = f"the sheet cannot be written: {error.strerror or type(error).__name__}"
        told = {"code": NotWritten.code, "error": why, "bad_picture": False}
    print(json.dumps(told), flush=True)
    return 1 if told else 0


if __name__ == "__main__":
    raise SystemExit(main())
