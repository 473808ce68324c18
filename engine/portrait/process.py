"""What paints one session's blocks: a process forked by the nursery. Knows its session's socket and memory.

It answers messages in order and makes a block only when asked. It ends when its socket closes, so that nothing of it
can outlive the session. The frames' memory has no name anywhere.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
from pathlib import Path

import numpy as np

from engine.api import FRAMES_PER_BLOCK, BadCharacter, Frames, Pcm, VideoFormat
from engine.portrait import wire
from engine.portrait.expression import Look
from engine.portrait.face import Face
from engine.portrait.record import load_record
from engine.portrait.render import Renderer


def serve(socket_fd: int, memory_fd: int) -> None:
    """Until the session ends."""
    with socket.socket(fileno=socket_fd) as channel:
        try:
            _serve(channel, memory_fd)
        except (ConnectionError, EOFError):
            return  # the session is gone: there is nobody to tell


def _serve(channel: socket.socket, memory_fd: int) -> None:
    opening, _ = _receive(channel)
    video = VideoFormat(**opening["video"])
    shape = (wire.SLOTS, FRAMES_PER_BLOCK, *video.frame_shape)
    ring: Frames = np.frombuffer(mmap.mmap(memory_fd, int(np.prod(shape))), np.uint8).reshape(shape)
    os.close(memory_fd)
    try:
        face = _face(opening, video, ring)
    except BadCharacter as error:
        channel.sendall(wire.packed({"refused": str(error)}))
        return
    channel.sendall(wire.packed({"ready": os.getpid()}))
    while True:
        _answer(channel, face, ring, *_receive(channel))


def _face(opening: wire.Message, video: VideoFormat, ring: Frames) -> Face:
    """The face, its ring holding the picture's still parts."""
    folder = opening["record"]
    renderer = Renderer(load_record(Path(opening["image"]), Path(folder) if folder else None), video)
    ctypes.CDLL(None).malloc_trim(0)  # what making textures took is several times what they take
    ring[:] = renderer.background
    renderer.paint_into(ring[0, 0], Look())
    return Face(renderer, opening["seed"])


def _answer(channel: socket.socket, face: Face, ring: Frames, message: wire.Message, pcm: Pcm) -> None:
    match message["do"]:
        case "speak":
            face.speak(pcm, wire.timing_from_wire(message["phonemes"]), message["epoch"])
        case "listen":
            gaze = message["gaze_xy"]
            face.listen(pcm, tuple(gaze) if gaze else None, message["speaker_id"])
        case "interrupt":
            face.interrupt(message["epoch"])
        case "make":
            made = face.make(ring[message["slot"]])
            told = {"epoch": made.epoch, "from": made.spoken_from, "to": made.spoken_to, "queued": face.queued}
            channel.sendall(wire.packed(told, made.sound))


def _receive(channel: socket.socket) -> tuple[wire.Message, Pcm]:
    head, tail = wire.sizes(_exactly(channel, wire.HEADER.size))
    return wire.unpacked(_exactly(channel, head), _exactly(channel, tail))


def _exactly(channel: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        part = channel.recv(min(1 << 20, count - len(received)))
        if not part:
            raise EOFError
        received += part
    return bytes(received)
