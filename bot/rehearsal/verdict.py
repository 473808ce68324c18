"""What a scene of several people showed: who was answered, cut, ignored and named. Pure; adds to `report`.

A scene is `ok` when the bot behaved: it answered those who asked it and nobody else, a nod did not cut it and an
interruption did, who came late was told, it left when told goodbye, and where each has a stream, names are right and
the error rate of who spoke when is under 5 %. Each figure must have been measured; how long it took stands under
`targets`: a busy machine is slow, not rude.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from bot.rehearsal.measure import Span, middle
from bot.rehearsal.report import (
    CHECKS_OF_A_SCENE,
    TARGETS,
    Findings,
    Json,
    Received,
    Target,
    milliseconds,
    pair_turns,
    report,
    rounded,
    targets,
)
from bot.rehearsal.scene import ASIDE, ASK, BACKCHANNEL, GOODBYE, INTERRUPTION, JOIN, Act, OverActed, Played
from bot.rehearsal.truth import COLLAR_S, PAUSE_S, Diarized, Spoken, diarization_error, distance_s, moved
from bot.rehearsal.truth import names_right as share_right

SEPARATE, MIXED = "separate", "mix"
CUT_LIMIT_S = 3.0  # from where someone interrupts to where the bot is silent; later it only came to its end
GOES_ON_S = 2.5  # within which a bot that paused for a nod is heard again
SAME_SPEECH_S = 1.2  # a shorter silence of the bot is a pause
NAMES_RIGHT = 0.99

_NEVER = Span(start_s=float("-inf"), end_s=float("-inf"))

SCENE_TARGETS: tuple[Target, ...] = (
    ("decided_to_silence_ms", lambda whole: _longest(whole, "decided_to_silence_ms"), None, 200.0),
    ("onset_to_silence_ms", lambda whole: _median(whole, "onset_to_silence_ms"), None, 800.0),
)
DER_LIMIT = 0.05  # where each person has a stream
DER_TARGET: Target = ("der", lambda whole: whole["der"], None, DER_LIMIT)


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneFindings:
    """`heard`: when the bot's voice was heard, pauses under 0.35 s left in. `truth`: who spoke when. `claim`: the
    transcript's stretches of people, `own` those of the bot, both on the bot's timeline. `obeyed`: it left on the
    goodbye, unasked otherwise. `diarization` says in words what told voices apart."""

    name: str
    streams: str
    played: Played | None = None
    heard: Sequence[Span] = ()
    truth: Sequence[Spoken] = ()
    claim: Sequence[Spoken] = ()
    own: Sequence[Spoken] = ()
    obeyed: bool = False
    diarization: str = ""
    errors: Sequence[str] = field(default=())


Score = Callable[[Sequence[Spoken], Sequence[Spoken]], Diarized]  # of a truth and a claim on one clock


def scene_report(found: Findings, scene: SceneFindings, score: Score = diarization_error) -> Json:
    """The rehearsal's JSON object with what the scene adds."""
    whole = report(found, CHECKS_OF_A_SCENE)
    acts = scene.played.acts if scene.played else ()
    records = records_of(found.received, found.records, acts)
    false_turns = false_turns_of(scene.played, scene.heard)
    whole |= {
        "scene": scene.name,
        "streams": scene.streams,
        "scene_s": rounded(scene.played.ended_s - scene.played.began_s, 1) if scene.played else None,
        "steps": [_step(act, scene.played) for act in acts],
        "interruptions": [
            interruption_of(act, over, scene.heard, records.get(id(act))) for act, over in _overs(acts, INTERRUPTION)
        ],
        "backchannels": _backchannels(acts, scene.heard, records),
        "false_turns": len(false_turns),
        "false_turns_at_s": [round(one.start_s - scene.played.began_s, 2) for one in false_turns if scene.played],
        "missed_turns": sum(act.answered is None for act in acts if act.step.do == ASK),
        "late_notice": [
            {"to": act.step.who, "spoken": act.answered is not None, "written": act.written}
            for act in acts
            if act.step.do == JOIN
        ],
        "goodbye_obeyed": scene.obeyed,
        **_names(scene, score),
    }
    whole["problems"] += [problem for check in SCENE_CHECKS if (problem := check(whole)) is not None]
    whole["ok"] = not whole["problems"]
    der = (DER_TARGET,) if scene.streams == SEPARATE else ()
    whole["targets"] = targets(whole, (TARGETS[0], *SCENE_TARGETS, *der))
    return whole


def records_of(received: Sequence[Received], records: Sequence[Json], acts: Sequence[Act]) -> dict[int, Json]:
    """The bot's own record of each question, by the identity of its act."""
    pairs = pair_turns(received, records)
    found: dict[int, Json] = {}
    for act in acts:
        own = next((record for one, record in pairs if record and act.said == one.turn.asked), None)
        if act.step.do == ASK and own is not None:
            found[id(act)] = own
    return found


def may_speak(played: Played) -> list[tuple[float, float]]:
    """When the bot may begin to speak: at first, when it was asked and until it is interrupted, when someone comes
    late, and after a goodbye."""
    first_s = played.acts[0].began_s if played.acts else played.ended_s
    windows = [(played.began_s - SAME_SPEECH_S, first_s)]
    for act in played.acts:
        start_s = act.said.start_s if act.said else act.began_s
        stop_s = next((one.said.start_s + CUT_LIMIT_S for one in act.over if one.over.do == INTERRUPTION), act.ended_s)
        if act.step.do != ASIDE:
            windows.append((start_s, float("inf") if act.step.do == GOODBYE else stop_s))
    return windows


def false_turns_of(played: Played | None, heard: Sequence[Span]) -> list[Span]:
    """What the bot said though nobody had spoken to it."""
    if played is None:
        return []
    windows = may_speak(played)
    begun = [one for before, one in pairwise((_NEVER, *heard)) if one.start_s - before.end_s >= SAME_SPEECH_S]
    return [one for one in begun if not any(start_s <= one.start_s <= end_s for start_s, end_s in windows)]


def interruption_of(act: Act, over: OverActed, heard: Sequence[Span], record: Json | None) -> Json:
    """What cutting in did: at the bot's device as its own record has it, and at the listener's ears."""
    own: Mapping[str, Any] = (record or {}).get("interruption") or {}
    onset_s = over.said.start_s
    speaking = [one for one in heard if one.start_s < onset_s + CUT_LIMIT_S and one.end_s > onset_s - SAME_SPEECH_S]
    silent_s = max(speaking[-1].end_s, onset_s) if speaking else None
    in_time = silent_s is not None and silent_s - onset_s < CUT_LIMIT_S
    return {
        "by": over.over.who,
        "said": over.over.text,
        "cut": in_time and (record is None or bool(record.get("interrupted"))),
        "decided_to_silence_ms": own.get("decided_to_silence_ms"),
        "onset_to_silence_ms": own.get("onset_to_silence_ms"),
        "received_onset_to_silence_ms": None if silent_s is None else milliseconds(silent_s - onset_s),
    }


def cut_by_nod(act: Act, over: OverActed, heard: Sequence[Span], record: Json | None) -> bool:
    """Whether the answer ended by it. The bot's own record knows whether the answer was cut at all."""
    if record is not None and not record.get("interrupted"):
        return False
    later = [one.over.do for one in act.over if one.said.start_s > over.said.start_s]
    goes_on = any(one.end_s > over.said.end_s and one.start_s < over.said.end_s + GOES_ON_S for one in heard)
    return not goes_on or (record is not None and INTERRUPTION not in later)


def _backchannels(acts: Sequence[Act], heard: Sequence[Span], records: Mapping[int, Json]) -> Json:
    cut = [cut_by_nod(act, over, heard, records.get(id(act))) for act, over in _overs(acts, BACKCHANNEL)]
    return {"count": len(cut), "cut": sum(cut)}


def _names(scene: SceneFindings, score: Score) -> Json:
    about_s = distance_s([Spoken(who="", span=one) for one in scene.heard], scene.own)
    shift_s = distance_s(scene.truth, scene.claim, about_s=about_s)
    claim = moved(scene.claim, shift_s or 0.0)
    found = score(scene.truth, claim) if shift_s is not None else Diarized(rate=None, reason="no transcript")
    parts = {key: rounded(value, 2) for key, value in asdict(found).items() if key not in ("rate", "reason")}
    if shift_s is not None and about_s is not None:  # minus what the listener's own sound came late
        parts["transcript_moved_s"] = rounded(shift_s - about_s, 3)
    conditions = {"collar_s": COLLAR_S, "skip_overlap": False, "pauses_bridged_s": PAUSE_S}
    return {
        "names_right": rounded(share_right(scene.truth, claim), 3),
        "der": rounded(found.rate, 4),
        "der_parts": {**parts, **conditions, "reason": found.reason},
        "diarization": scene.diarization,
    }


def _no_false_turn(whole: Json) -> str | None:
    at = ", ".join(f"{at_s} s" for at_s in whole["false_turns_at_s"])
    return f"the bot spoke though nobody had asked it, at {at}" if whole["false_turns"] else None


def _no_missed_turn(whole: Json) -> str | None:
    return f"{whole['missed_turns']} questions were not answered" if whole["missed_turns"] else None


def _nods_do_not_cut(whole: Json) -> str | None:
    cut = whole["backchannels"]["cut"]
    return f"{cut} of {whole['backchannels']['count']} nods in words cut the bot's answer" if cut else None


def _interruptions_cut(whole: Json) -> str | None:
    deaf = [one["by"] for one in whole["interruptions"] if not one["cut"]]
    return f"the bot did not stop for {', '.join(deaf)}" if deaf else None


def _late_ones_are_told(whole: Json) -> str | None:
    untold = [one["to"] for one in whole["late_notice"] if not (one["spoken"] or one["written"])]
    return f"the bot did not tell what it is to {', '.join(untold)}, who came late" if untold else None


def _goodbye_is_obeyed(whole: Json) -> str | None:
    return None if whole["goodbye_obeyed"] else "the bot stayed though it was told goodbye"


def _names_are_right(whole: Json) -> str | None:
    share = whole["names_right"]
    if whole["streams"] != SEPARATE or (share is not None and share >= NAMES_RIGHT):
        return None
    return f"only {share or 0:.0%} of the transcript's seconds stand under the right name"


def _voices_are_told_apart(whole: Json) -> str | None:
    rate = whole["der"]
    if rate is None:
        return f"the error rate of who spoke when was not measured: {whole['der_parts']['reason']}"
    if whole["streams"] != SEPARATE or rate <= DER_LIMIT:
        return None
    return f"the error rate of who spoke when is {rate:.1%}, over {DER_LIMIT:.0%}"


def _interruptions_are_timed(whole: Json) -> str | None:
    if not whole["interruptions"]:
        return "nobody interrupted the bot"
    keys = ("decided_to_silence_ms", "onset_to_silence_ms")
    untimed = [one["by"] for one in whole["interruptions"] if one["cut"] and any(one[key] is None for key in keys)]
    return f"the bot's record has no times of its stop for {', '.join(untimed)}" if untimed else None


def _all_was_played(whole: Json) -> str | None:
    return None if whole["scene_s"] is not None else "the scene was not played to its end"


SCENE_CHECKS: tuple[Callable[[Json], str | None], ...] = (
    _all_was_played,
    _no_false_turn,
    _no_missed_turn,
    _nods_do_not_cut,
    _interruptions_cut,
    _interruptions_are_timed,
    _late_ones_are_told,
    _goodbye_is_obeyed,
    _names_are_right,
    _voices_are_told_apart,
)


def scene_table(whole: Json) -> str:
    """The scene for people: a line a step, then what was measured and what is wrong."""
    head = f"{'at':>7}  {'who':6} {'does':13} {'says':56} the bot"
    lines = [head, "-" * len(head)]
    for step in whole["steps"]:
        lines.append(f"{step['at_s']:>5.1f} s  {step['who']:6} {step['do']:13} {step['text'][:56]:56} {step['bot']}")
    nods, der = whole["backchannels"], whole["der"]
    shown = f"{der:.1%}" if der is not None else f"none ({whole['der_parts']['reason']})"
    for one in whole["interruptions"]:
        figures = ("decided_to_silence_ms", "onset_to_silence_ms", "received_onset_to_silence_ms")
        values = ", ".join(f"{key.removesuffix('_ms').replace('_', ' ')} {_ms(one[key])}" for key in figures)
        lines.append(f"interrupted by {one['by']}: {'cut' if one['cut'] else 'NOT CUT'}; {values}")
    lines += [
        f"{nods['count']} nods, {nods['cut']} cut; {whole['false_turns']} false turns; "
        f"{whole['missed_turns']} missed turns; scene of {whole['scene_s']} s, streams: {whole['streams']}",
        f"names right {whole['names_right']}, DER {shown} ({', '.join(map(str, _conditions(whole)))})",
        f"voices: {whole['diarization']}",
    ]
    lines += [f"target missed: {one['figure']} is {one['value']}" for one in whole["targets"] if one["met"] is False]
    return "\n".join(lines + [f"problem: {problem}" for problem in whole["problems"]])


def _conditions(whole: Json) -> list[str]:
    parts = whole["der_parts"]
    seconds = [f"{key.removesuffix('_s').replace('_', ' ')} {parts[key]} s" for key in _PARTS if parts[key] is not None]
    return [*seconds, f"collar {parts['collar_s']} s", "overlap scored"]


_PARTS = ("missed_s", "false_alarm_s", "confusion_s", "total_s")


def _step(act: Act, played: Played | None) -> Json:
    began_s = played.began_s if played else act.began_s
    at_s = (act.said.start_s if act.said else act.began_s) - began_s
    over = [f"{one.over.who}: {one.over.text}" for one in act.over]
    step = act.step
    return {"at_s": round(at_s, 2), "do": step.do, "who": step.who, "text": step.text, "over": over, "bot": _bot(act)}


def _bot(act: Act) -> str:
    if act.answered is None:
        return "silent"
    since_s = act.said.end_s if act.said else act.began_s
    return f"speaks after {act.answered.start_s - since_s:.1f} s for {act.answered.seconds:.1f} s"


def _overs(acts: Sequence[Act], kind: str) -> list[tuple[Act, OverActed]]:
    return [(act, over) for act in acts for over in act.over if over.over.do == kind]


def _longest(whole: Json, key: str) -> float | None:
    return max((one[key] for one in whole["interruptions"] if one[key] is not None), default=None)


def _median(whole: Json, key: str) -> float | None:
    return middle([one[key] for one in whole["interruptions"]])


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
