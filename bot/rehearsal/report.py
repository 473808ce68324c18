"""What a rehearsal found, as JSON and as a table, and whether it passes. Pure; measures nothing itself.

A rehearsal is `ok` when nothing is listed under `problems`; `CHECKS` is all that is looked at. Times are reported, not
judged, because a busy machine must not fail a test: `targets` puts each figure beside what the product is built for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bot.rehearsal.measure import middle
from bot.rehearsal.questions import named, right_passage
from bot.rehearsal.script import Turn
from bot.rehearsal.usage import Cost

Json = dict[str, Any]

Target = tuple[str, Callable[[Json], float | None], float | None, float | None]  # figure, value, at least, at most

# Median over the answers; offsets after ITU-R BT.1359-1.
TARGETS: tuple[Target, ...] = (
    ("latency_device_ms", lambda whole: whole["medians"].get("latency_device_ms"), None, 1750.0),
    ("av_offset_device_ms", lambda whole: whole["medians"].get("av_offset_device_ms"), -125.0, 45.0),
    ("av_offset_received_ms", lambda whole: whole["medians"].get("av_offset_received_ms"), -125.0, 45.0),
    ("fps", lambda whole: whole["video"]["fps"], 20.0, None),
    ("mouth_r", lambda whole: whole["video"]["mouth_r"], 0.5, None),
    ("mouth_lag_frames", lambda whole: whole["video"]["mouth_lag_frames"], -2.0, 2.0),
)
PASSAGES_RIGHT = 0.8  # of those expected, or two of three
SAME_TURN_S = 1.5  # two clocks' ends of one question are this close, once laid over each other


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """One answer at the asker's end."""

    turn: Turn
    av_offset_s: float | None = None
    av_method: str | None = None  # "reference" or "speech"


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """The bot's picture as it was received while it spoke."""

    width: int | None = None
    height: int | None = None
    fps: float | None = None  # of new pictures while the bot speaks; frames that repeat the one before are not counted
    fps_with_repeats: float | None = None
    mouth_r: float | None = None
    mouth_lag_frames: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """All a rehearsal collected. `running` says for each role whether its process was alive and whether its command
    line fits; `left` is what remained of it afterwards."""

    bot_id: str
    task_id: str | None
    pids: Mapping[str, int | None]
    running: Mapping[str, bool]
    asker: str
    joined_s: float | None
    final_state: str
    received: Sequence[Received]
    records: Sequence[Json]
    picture: Picture
    cost: Cost | None
    transcript: Sequence[Json]
    counted: float | None = None  # turns and remarks, by the installation's metrics
    left: Sequence[str] = ()
    errors: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


Check = Callable[[Findings, Json], str | None]


def report(found: Findings, checks: Sequence[Check] | None = None) -> Json:
    """The rehearsal's JSON object; `checks` None: all of them."""
    paired = pair_turns(found.received, found.records)
    turns = [_turn(one, record) for one, record in paired]
    whole: Json = {
        "ok": False,
        "bot_id": found.bot_id,
        "task_id": found.task_id,
        "pids": dict(found.pids),
        "joined_s": rounded(found.joined_s, 2),
        "final_state": found.final_state,
        "asker": found.asker,
        "turns": turns,
        "turn_records": {"kept": len(found.records), "counted": found.counted},
        "unasked_answers": _unasked(found.records, [record for _, record in paired]),
        "medians": _medians(turns),
        "video": {
            key: rounded(value, 2) if isinstance(value, float) else value
            for key, value in asdict(found.picture).items()
        },
        "bot": None
        if found.cost is None
        else {
            "share_of_core": rounded(found.cost.share_of_core, 2),
            "pss_mb": rounded(found.cost.pss_mb, 0),
            "processes": found.cost.processes,
        },
        "transcript": [_segment(segment) for segment in found.transcript],
        "left": list(found.left),
        **dict(found.versions),
    }
    checks = (CHECKS if checks is None else checks) if found.received else CHECKS_OF_NOTHING
    whole["problems"] = [*found.errors, *(problem for check in checks if (problem := check(found, whole)))]
    whole["ok"] = not whole["problems"]
    whole["targets"] = targets(whole, TARGETS)
    return whole


def targets(whole: Json, rows: Sequence[Target]) -> list[Json]:
    """Each figure the product is built for, beside its bounds: `met` None where there is no figure."""
    return [
        {"figure": figure, "value": value, "at_least": least, "at_most": most, "met": within(value, least, most)}
        for figure, of, least, most in rows
        for value in (of(whole),)
    ]


def within(value: float | None, least: float | None, most: float | None) -> bool | None:
    if value is None:
        return None
    return (least is None or value >= least) and (most is None or value <= most)


def failure(problem: str, *, left: Sequence[str] = ()) -> Json:
    """The JSON object of a rehearsal that did not come about."""
    return {"ok": False, "turns": [], "transcript": [], "left": list(left), "problems": [problem]}


def pair_turns(received: Sequence[Received], records: Sequence[Json]) -> list[tuple[Received, Json | None]]:
    """Each question with the bot's own record of it. The two clocks differ by an unknown constant: the one under which
    most questions meet a record is taken. Records nobody asked for and questions without a record stay alone."""
    timed = [record for record in records if record.get("t0_s") is not None]
    differences = [one.turn.asked.end_s - record["t0_s"] for one in received for record in timed]
    if not differences:
        return [(one, None) for one in received]

    def meet(difference_s: float) -> list[tuple[float, Received, Json]]:
        return [
            (distance, one, record)
            for one in received
            for record in timed
            if (distance := abs(one.turn.asked.end_s - record["t0_s"] - difference_s)) < SAME_TURN_S
        ]

    def merit(difference_s: float) -> tuple[int, float]:
        met = meet(difference_s)
        return len({id(one) for _, one, _ in met}), -sum(distance for distance, *_ in met)

    closest = sorted(meet(max(differences, key=merit)), key=lambda entry: entry[0])
    paired: dict[int, Json] = {}
    for _, one, record in closest:
        if id(one) not in paired and all(record is not other for other in paired.values()):
            paired[id(one)] = record
    return [(one, paired.get(id(one))) for one in received]


def table(whole: Json) -> str:
    """The report for people: a line a turn, then what was seen, what it cost and what is wrong."""
    head = f"{'asked':44} {'heard by the bot':36} {'passage':8} {'device':>8} {'ears':>8} {'A/V dev':>8} {'A/V rec':>8}"
    lines = [head, "-" * len(head)]
    for turn in whole["turns"]:
        right = {True: "right", False: "WRONG", None: "-"}[turn["passage_right"]]
        figures = ("latency_device_ms", "latency_ms", "av_offset_device_ms", "av_offset_received_ms")
        shown = " ".join(f"{shown_ms(turn[key]):>8}" for key in figures)
        lines.append(f"{cut_to(turn['question'], 44)} {cut_to(turn['heard'] or '', 36)} {right:8} {shown}")
    video, bot = whole["video"], whole["bot"] or {}
    if whole["turns"]:
        lines.append(
            f"picture {video['width']}x{video['height']} at {video['fps']} fps, mouth r {video['mouth_r']} "
            f"at {video['mouth_lag_frames']} frames; bot {bot.get('share_of_core')} of a core, {bot.get('pss_mb')} MB; "
            f"joined after {whole['joined_s']} s; {len(whole['transcript'])} transcript segments"
        )
    lines += [f"target missed: {one['figure']} is {one['value']}" for one in whole["targets"] if one["met"] is False]
    lines += [f"problem: {problem}" for problem in whole["problems"]]
    return "\n".join(lines)


def _pids_are_real(found: Findings, whole: Json) -> str | None:
    missing = [role for role in ("dispatcher", "worker", "bot") if not found.pids.get(role)]
    dead = [role for role, fits in found.running.items() if not fits]
    if missing or dead:
        return f"no running process of its own could be shown for: {', '.join(dict.fromkeys(missing + dead))}"
    pids = [found.pids[role] for role in ("dispatcher", "worker", "bot")]
    return None if len(set(pids)) == len(pids) else "dispatcher, worker and bot are not three processes"


def _task_is_named(found: Findings, whole: Json) -> str | None:
    return None if found.task_id else "no Celery task is on record for the launch"


def _all_answered(found: Findings, whole: Json) -> str | None:
    silent = [one.turn.question.text for one in found.received if one.turn.answered is None]
    return f"no answer was heard to: {' | '.join(silent)}" if silent else None


def _all_recorded(found: Findings, whole: Json) -> str | None:
    missing = sum(turn["latency_device_ms"] is None for turn in whole["turns"])
    return f"{missing} turns have no record of the bot's with a latency at its device" if missing else None


def _passages_right(found: Findings, whole: Json) -> str | None:
    judged = [turn["passage_right"] for turn in whole["turns"] if turn["passage_right"] is not None]
    enough = min(PASSAGES_RIGHT * len(judged), 2.0) if len(judged) == 3 else PASSAGES_RIGHT * len(judged)
    right = sum(judged)
    return None if right >= enough else f"only {right} of {len(judged)} answers rested on the right passage"


def _ended_normally(found: Findings, whole: Json) -> str | None:
    return None if found.final_state == "ended" else f"the bot's last state is {found.final_state!r}, not 'ended'"


def _both_in_transcript(found: Findings, whole: Json) -> str | None:
    speakers = {segment["speaker"] for segment in whole["transcript"] if segment["text"]}
    if found.asker not in speakers:
        return f"the transcript has nothing by {found.asker}"
    return None if len(speakers) > 1 else "the transcript has nothing by the bot"


def _picture_measured(found: Findings, whole: Json) -> str | None:
    missing = [key for key, value in asdict(found.picture).items() if value is None]
    return f"not measured of the picture: {', '.join(missing)}" if missing else None


def _cost_measured(found: Findings, whole: Json) -> str | None:
    return "the bot's cost was not measured" if found.cost is None else None


def _something_asked(found: Findings, whole: Json) -> str | None:
    return None if found.received else "nothing was asked"


def _nothing_left(found: Findings, whole: Json) -> str | None:
    return f"left behind: {', '.join(found.left)}" if found.left else None


CHECKS: tuple[Check, ...] = (
    _pids_are_real,
    _task_is_named,
    _all_answered,
    _all_recorded,
    _passages_right,
    _ended_normally,
    _both_in_transcript,
    _picture_measured,
    _cost_measured,
    _nothing_left,
)
CHECKS_OF_A_SCENE: tuple[Check, ...] = (
    _pids_are_real,
    _task_is_named,
    _ended_normally,
    _both_in_transcript,
    _nothing_left,
)
CHECKS_OF_NOTHING: tuple[Check, ...] = (_something_asked, _nothing_left)  # what else is missing then follows from that


def _turn(one: Received, record: Json | None) -> Json:
    own = record or {}
    passages = own.get("passages") or []
    return {
        "question": one.turn.question.text,
        "heard": own.get("heard"),
        "answer": own.get("answer"),
        "passage_right": right_passage(one.turn.question, passages),
        "passage": [named(passage) for passage in passages],
        "expected": one.turn.question.passage,
        "latency_device_ms": rounded(own.get("latency_device_ms"), 0),
        "latency_ms": milliseconds(one.turn.latency_s),
        "stages": own.get("stages_ms") or {},
        "first_frame_device_ms": own.get("first_frame_device_ms"),
        "overhead_ms": own.get("overhead_ms"),
        "overhead_parts_ms": own.get("overhead_parts_ms") or {},
        "arrival_ms": own.get("arrival_ms"),
        "wait_for_frame_ms": own.get("wait_for_frame_ms"),
        "av_offset_device_ms": rounded(own.get("av_offset_device_ms"), 1),
        "av_offset_received_ms": milliseconds(one.av_offset_s),
        "av_method": one.av_method,
        "interrupted": own.get("interrupted"),
    }


def _unasked(records: Sequence[Json], paired: Sequence[Json | None]) -> int:
    """Answers of the bot's to none of the questions."""
    answers = [record for record in records if record.get("decision") == "answer"]
    return sum(all(answer is not record for record in paired) for answer in answers)


def _medians(turns: Sequence[Json]) -> Json:
    keys = ("latency_device_ms", "latency_ms", "av_offset_device_ms", "av_offset_received_ms")
    return {key: rounded(middle([turn[key] for turn in turns]), 1) for key in keys}


def _segment(segment: Json) -> Json:
    return {
        "speaker": segment["speaker_name"],
        "start_s": round(segment["start_ms"] / 1000, 2),
        "end_s": round(segment["end_ms"] / 1000, 2),
        "text": segment["text"],
    }


def rounded(value: Any, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)


def milliseconds(value_s: float | None) -> float | None:
    return None if value_s is None else round(value_s * 1000, 1)


def shown_ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def cut_to(text: str, width: int) -> str:
    return f"{text if len(text) <= width else text[: width - 1] + '…':{width}}"
