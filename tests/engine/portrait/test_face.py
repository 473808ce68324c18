"""One face without its process: determinism, safe bounds, an untouched background."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.api import LISTEN_RATE_HZ, BadCharacter, Frames, Phoneme, SpeechTiming, VideoFormat
from engine.lipsync.mouth import REST, Mouth
from engine.lipsync.track import MouthTrack
from engine.lipsync.visemes import TARGETS
from engine.portrait.expression import LipColumns, Look
from engine.portrait.face import Face
from engine.portrait.motion import CALM_FRAMES, Motion, Pose
from engine.portrait.record import Record, Style, load_record
from engine.portrait.render import MARGIN_PX, Renderer

IRIS = Path(__file__).parents[3] / "bot" / "library" / "iris"
SMALL = VideoFormat(width=640, height=360, fps=24)
WIDE_OPEN = Look(mouth=Mouth(open=0.4))


@pytest.fixture(scope="module")
def record() -> Record:
    return load_record(IRIS / "portrait.png", IRIS / "record")


@pytest.fixture(scope="module")
def renderer(record: Record) -> Renderer:
    return Renderer(record, SMALL)


def painted(renderer: Renderer, look: Look) -> Frames:
    frame = renderer.background.copy()
    renderer.paint_into(frame, look)
    return frame


def mouth_of(frame: Frames) -> Frames:
    x, y, w, h = json.loads((IRIS / "record" / "record.json").read_text())["mouth_box"]
    return frame[int(y * 360) : int((y + h) * 360), int(x * 640) : int((x + w) * 640)]


def speech(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(5)
    envelope = np.repeat(rng.uniform(0, 1, int(seconds * 8)), 3000)
    return (rng.normal(0, 3000, len(envelope)) * envelope).astype(np.int16)


def blocks_of(renderer: Renderer, pieces: list[np.ndarray], count: int, seed: int = 0) -> Frames:
    face = Face(renderer, seed)
    for piece in pieces:
        face.speak(piece, None, 1)
    ring = np.stack([renderer.background] * 4)
    made = []
    for _ in range(count):
        face.make(ring)
        made.append(ring.copy())
    return np.concatenate(made)


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.parametrize("piece", [160, 999, 9999])
def test_cutting_the_speech_changes_no_pixel(renderer: Renderer, piece: int) -> None:
    pcm = speech(0.5)
    cut = [pcm[at : at + piece] for at in range(0, len(pcm), piece)]
    np.testing.assert_array_equal(blocks_of(renderer, cut, 3), blocks_of(renderer, [pcm], 3))


@pytest.mark.slow  # compiles what paints, where nobody has yet
@pytest.mark.parallel
def test_another_seed_moves_differently(renderer: Renderer) -> None:
    assert (blocks_of(renderer, [], 3, seed=1) != blocks_of(renderer, [], 3, seed=2)).any()


@pytest.mark.slow
@pytest.mark.parallel
def test_the_background_is_the_still_itself_bit_by_bit(renderer: Renderer, record: Record) -> None:
    import cv2

    still = cv2.cvtColor(cv2.resize(record.still, (640, 360), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YUV_I420)
    near = cv2.dilate(
        cv2.resize(record.matte, (640, 360), interpolation=cv2.INTER_AREA), np.ones((2 * MARGIN_PX + 1,) * 2)
    )
    away = near[::2, ::2] == 0
    away = away.repeat(2, 0).repeat(2, 1)
    frame = painted(renderer, Look(mouth=Mouth(open=0.4), turn_rad=(0.05, 0.06, 0.03), blink=1.0))
    assert away.mean() > 0.3
    np.testing.assert_array_equal(frame[:360][away], still[:360][away])
    assert away[::2, ::2].any()
    for plane in (frame, still):
        plane[:360][~away] = 0
    ours, theirs = (plane[360:].reshape(2, 180, 320)[:, away[::2, ::2]] for plane in (frame, still))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parallel
def test_at_rest_the_figure_is_the_drawing(renderer: Renderer, record: Record) -> None:
    import cv2

    still = cv2.cvtColor(cv2.resize(record.still, (640, 360), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YUV_I420)
    difference = np.abs(painted(renderer, Look(mouth=REST)).astype(int) - still)
    assert difference.mean() < 0.01 and difference.max() <= 2


@pytest.mark.slow
@pytest.mark.parallel
def test_an_open_mouth_is_much_darker_inside_than_lips(renderer: Renderer) -> None:
    shut, wide = (mouth_of(painted(renderer, look)) for look in (Look(), WIDE_OPEN))
    assert (wide < 70).mean() > 0.08 > 0.01 > (shut < 70).mean()


@pytest.mark.slow
@pytest.mark.parallel
def test_closed_lids_leave_no_white(renderer: Renderer, record: Record) -> None:
    shut = painted(renderer, Look(blink=1.0))
    for eye in record.eyes:
        x, y, radius = (value * 640 / record.still.shape[1] for value in eye.iris)
        patch = shut[int(y - radius) : int(y + radius), int(x - radius) : int(x + radius)]
        opened = painted(renderer, Look())[int(y - radius) : int(y + radius), int(x - radius) : int(x + radius)]
        assert patch.max() < opened.max() - 20


@pytest.mark.slow
@pytest.mark.parallel
def test_idle_motion_stays_where_a_still_can_follow_for_forty_minutes() -> None:
    motion = Motion(7, 24)
    poses = [motion.step(speech_level=0.1 * (n // 40 % 2), heard_level=0.0, gaze_xy=None) for n in range(40 * 60 * 24)]
    turns = np.degrees([pose.turn_rad for pose in poses])
    assert (np.abs(turns).max(0) < (3.0, 4.0, 1.5)).all()
    assert (np.abs(turns).max(0) > (0.5, 0.3, 0.2)).all(), "a face that never moves is dead"
    assert np.abs(np.diff(turns, axis=0)).max() < 0.5
    assert np.abs(turns[:7200].mean(0) - turns[-7200:].mean(0)).max() < 0.3
    assert np.abs([pose.gaze_xy for pose in poses]).max() < 0.3


@pytest.mark.acceptance
@pytest.mark.parallel
def test_after_forty_minutes_of_frames_a_neutral_one_is_the_same_byte_by_byte(renderer: Renderer) -> None:
    motion, frame = Motion(7, 24), renderer.background.copy()
    first = painted(renderer, Look())
    for number in range(40 * 60 * 24):
        pose = motion.step(speech_level=0.1 * (number // 40 % 2), heard_level=0.0, gaze_xy=None)
        if number % 60 == 0:
            mouth = WIDE_OPEN.mouth if number // 40 % 2 else REST
            look = Look(mouth=mouth, blink=pose.blink, brow=pose.brow, gaze_xy=pose.gaze_xy, turn_rad=pose.turn_rad)
            renderer.paint_into(frame, look)
            np.testing.assert_array_equal(painted(renderer, Look()), first)
    renderer.paint_into(frame, Look())
    np.testing.assert_array_equal(frame, first)


def test_the_eyes_blink_like_eyes() -> None:
    motion = Motion(3, 24)
    blinks = np.array([motion.step(speech_level=0, heard_level=0, gaze_xy=None).blink for _ in range(24 * 120)])
    begins = np.flatnonzero((blinks[1:] > 0) & (blinks[:-1] == 0))
    assert 15 <= len(begins) <= 55
    assert blinks.max() == 1.0 and np.diff(begins).min() >= 24 * 2


def test_a_listener_nods_once_after_the_others_pause() -> None:
    def pitch(heard: bool) -> np.ndarray:
        motion = Motion(1, 24)
        levels = [0.1 if heard and n < 72 else 0.0 for n in range(144)]
        return np.array([motion.step(speech_level=0, heard_level=v, gaze_xy=None).turn_rad[1] for v in levels])

    nod = pitch(True) - pitch(False)
    assert 0.005 < nod[:72].max() < 0.015, "it leans towards the one who speaks"
    assert 0.03 < nod[79:].max() < 0.1 and abs(nod[-1]) < 0.003


def test_a_listener_nods_a_little_where_a_stress_of_the_speaker_ends() -> None:
    def pitches(level: float) -> np.ndarray:
        motion = Motion(1, 24)
        levels = [level if 60 <= n < 72 else 0.2 for n in range(96)]
        return np.array([motion.step(speech_level=0, heard_level=v, gaze_xy=None).turn_rad[1] for v in levels])

    nod = pitches(0.05) - pitches(0.2)
    assert nod[:60].max() == 0 and 0.01 < nod.max() < 0.03


def test_after_the_others_stopped_it_looks_aside_in_thought_until_it_speaks() -> None:
    def looks(heard: float) -> np.ndarray:
        motion = Motion(1, 24)
        levels = [(heard if n < 72 else 0.0, 0.1 if n >= 120 else 0.0) for n in range(168)]
        return np.array([motion.step(speech_level=s, heard_level=h, gaze_xy=None).gaze_xy[0] for h, s in levels])

    aside = np.abs(looks(0.1) - looks(0.0))
    assert aside[:72].max() == 0.0
    assert aside[110:120].min() > 0.1
    assert aside[130:].max() < 0.02


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.parametrize("cut", [30, 47, 61])
def test_four_frames_after_an_interruption_it_looks_like_one_who_never_spoke(renderer: Renderer, cut: int) -> None:
    rng = np.random.default_rng(cut)

    def poses(spoken: int) -> list[Pose]:
        motion = Motion(3, 24)
        levels = [0.05 + 0.2 * rng.random() if n < spoken else 0.0 for n in range(cut + CALM_FRAMES + 1)]
        return [motion.step(speech_level=level, heard_level=0, gaze_xy=None) for level in levels]

    spoke, silent = poses(cut)[-1], poses(0)[-1]
    assert np.degrees(np.abs(np.subtract(spoke.turn_rad, silent.turn_rad))).max() < 0.25
    assert abs(spoke.brow - silent.brow) < 0.03


def test_four_frames_after_an_interruption_the_lips_are_closed() -> None:
    track = MouthTrack(fps=24)
    track.learn(SpeechTiming(phonemes=(Phoneme(start=0, end=24_000, symbol="a"),)), 0, 24_000)
    opened = track.frames(speech(0.5)[:4000], 8000, 12_000)
    track.forget()
    closed = track.frames(np.zeros(4000, np.int16), 0, 0)
    assert opened[-1].open > 0.2 and closed[-1] == REST


def columns_of(record: Record, mouth: Mouth, upper_gain: float = 1.0) -> LipColumns:
    lips = LipColumns.of(replace(record, mouth=replace(record.mouth, upper_gain=upper_gain)), 0.25)
    lips.move(mouth)
    return lips


@pytest.mark.slow
@pytest.mark.parallel
def test_a_moustache_lies_still_while_the_jaw_moves(record: Record) -> None:
    bare, bearded = (columns_of(record, WIDE_OPEN.mouth, upper_gain=gain) for gain in (1.0, 0.15))
    assert np.abs(bearded.moved[:3]).max() < 0.2 * np.abs(bare.moved[:3]).max()
    assert bearded.inside[4] > 0.8 * bare.inside[4], "its mouth opens all the same"


@pytest.mark.slow
@pytest.mark.parallel
def test_o_hides_drawn_teeth_and_sh_and_f_show_them(record: Record) -> None:
    shown = {
        name: columns_of(record, TARGETS[name]).inside[9] for name in ("round", "tight", "hush", "lip_teeth", "open")
    }
    assert shown == {"round": 0.0, "tight": 0.0, "hush": 1.0, "lip_teeth": 1.0, "open": 1.0}


@pytest.mark.slow
@pytest.mark.parallel
def test_o_is_a_ring_of_lips_and_a_mouth_without_lips_stays_open_to_its_ends(record: Record) -> None:
    def beside_and_arch(lips: LipColumns) -> tuple[float, float]:
        """What is open near the mouth's end, of what is in its middle; how high the upper lip's edge is arched."""
        upper, lower = lips.moved[2:4]
        middle = round(lips.box[0] - lips.x0)
        near_end = round(lips.box[0] - lips.x0 + 0.46 * lips.width)
        gap = lower - upper
        return float(gap[near_end] / gap[middle]), float((upper[near_end] - upper[middle]) / lips.width)

    (a_beside, a_arch), (o_beside, o_arch) = (
        beside_and_arch(columns_of(record, TARGETS[name])) for name in ("open", "round")
    )
    assert o_beside < 0.05 < 0.2 < a_beside, "round lips all but touch beside the ring"
    assert o_arch > a_arch + 0.03, "and the upper one is arched"
    thing_beside, _ = beside_and_arch(columns_of(replace(record, style=Style.OBJECT), TARGETS["round"]))
    assert thing_beside > 0.2


@pytest.mark.slow
@pytest.mark.parallel
def test_o_hides_the_teeth_a_photo_brought_too(record: Record) -> None:
    lips = columns_of(record, REST)
    lips.teeth = replace(lips.teeth, hang=False)
    shown = {}
    for name in ("open", "hush", "round", "tight"):
        lips.move(TARGETS[name])
        shown[name] = float(lips.inside[9]), float((lips.inside[7] - lips.teeth.y0) / lips.width)
    assert shown["open"] == (1.0, 0.0) and shown["hush"][0] == 1.0
    assert shown["round"][1] < -0.05, "they go up, behind the lip"
    assert shown["tight"][0] == 0.0


@pytest.mark.slow
@pytest.mark.parallel
def test_a_lid_on_its_way_is_skin_down_to_one_line(renderer: Renderer, record: Record) -> None:
    frame, scale = painted(renderer, Look(blink=0.5))[:360].astype(int), 640 / record.still.shape[1]
    for eye in record.eyes:
        x, y, radius = (value * scale for value in eye.iris)
        column = frame[int(y - 2.2 * radius) : int(y + radius), round(x)]
        lash = int(column[: int(2.4 * radius)].argmin())
        above = column[int(0.8 * radius) : lash - 2]
        assert np.ptp(above) < 40 < above.min() - column[lash], "even skin, then the lashes"


@pytest.mark.slow
@pytest.mark.parallel
def test_what_has_no_eyes_and_no_brows_still_speaks(record: Record) -> None:
    blind = Renderer(replace(record, eyes=(), brows=()), SMALL)
    shut, wide = (mouth_of(painted(blind, look)) for look in (Look(blink=1.0, brow=0.3, gaze_xy=(0.5, 0)), WIDE_OPEN))
    assert (wide < 70).mean() > 0.08 > 0.01 > (shut < 70).mean()


@pytest.mark.parametrize("aside", [0, 400, 700])
def test_a_jaw_beside_the_mouth_moves_to_no_place_that_is_none(record: Record, aside: int) -> None:
    """As a detector finds it in a head turned far aside: the inner loop is not asked for places that are no number."""
    lips = LipColumns.of(replace(record, jaw=record.jaw + np.array([aside, 0])), 0.5)
    for mouth in TARGETS.values():
        lips.move(mouth)
        assert np.isfinite(lips.knots).all() and (np.diff(lips.knots[1], axis=0) >= 0).all()


@pytest.mark.slow
@pytest.mark.parallel
def test_the_face_follows_the_one_who_speaks(renderer: Renderer) -> None:
    face, still = Face(renderer, 0), Face(renderer, 0)
    ring, other = (np.stack([renderer.background] * 4) for _ in range(2))
    for _ in range(3):
        face.listen(np.zeros(LISTEN_RATE_HZ // 6, np.int16), (1.0, 0.0))
        face.make(ring)
        still.make(other)
    assert (ring != other).any()


def test_a_character_without_a_record_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadCharacter, match="no record"):
        load_record(IRIS / "portrait.png", None)
    with pytest.raises(BadCharacter, match=r"record\.json cannot be read"):
        load_record(IRIS / "portrait.png", tmp_path)
    (tmp_path / "record.json").write_text('{"version": 99}')
    with pytest.raises(BadCharacter, match="version 99"):
        load_record(IRIS / "portrait.png", tmp_path)
    (tmp_path / "record.json").write_text('{"version": 2, "size": [2560, 1440]}')
    with pytest.raises(BadCharacter, match=r"matte\.png is missing"):
        load_record(IRIS / "portrait.png", tmp_path)
    cv2.imwrite(str(tmp_path / "matte.png"), np.zeros((1440, 2560), np.uint8))
    with pytest.raises(BadCharacter, match=r"matte\.png shows no figure"):
        load_record(IRIS / "portrait.png", tmp_path)
