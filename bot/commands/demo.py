"""`understudy demo`: a bot joins a meeting on this machine; with `--rehearse` a synthetic person talks with it.

A rehearsal's last line on standard output is its JSON; everything else goes to standard error. It ends with 0 only
when all it checks was seen, with 1 otherwise. A rehearsal has a home of its own, kept when something went wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.config import Settings, child_environment
from bot.errors import BadInput, BotError

if TYPE_CHECKING:
    from bot.rehearsal.follow import Followed
    from bot.rehearsal.leftovers import Leftovers
    from bot.rehearsal.questions import Question
    from bot.rehearsal.report import Findings
    from bot.rehearsal.scene import Scene
    from bot.rehearsal.stage import Stage, Teller
    from bot.rehearsal.verdict import SceneFindings

HELP = "a bot joins a meeting on this machine and talks with you"
VISITING_S = 3600.0  # a person at a demo may take their time: to let the bot in, and to come back to it
INTERRUPTED = 130
ANY_PORT = 0
SCENES = ("table",)
TINY = "diffusion-tiny"


class BadReportFile(BadInput):
    """The report's file cannot be written; the message says why."""

    code = "bad_report_file"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rehearse", action="store_true", help="play the human too, measure, print JSON, end")
    parser.add_argument("--headless", action="store_true", help="no browser window, not even on a private display")
    parser.add_argument("--questions", type=Path, metavar="FILE", help="ask these instead: a JSON list, or lines")
    parser.add_argument("--engine", metavar="NAME", help="what moves the face: portrait, diffusion-tiny (noise)")
    parser.add_argument("--tp", type=int, metavar="N", help="with --engine diffusion-tiny: by an engine server, parted")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rehearsal's JSON there, too")
    parser.add_argument("--voice", default="rms", choices=("slt", "rms", "espeak"), help="the asker's voice")
    parser.add_argument("--settle", type=float, default=10.0, metavar="SECONDS", help="before the first question")
    parser.add_argument("--scene", choices=SCENES, help="several people instead of one: who says what is in its file")
    parser.add_argument(
        "--calendar", action="store_true", help="a bot follows a calendar: events appear, move, are off"
    )
    parser.add_argument("--mixed", action="store_true", help="with --scene: the bot hears one mix of all, no streams")
    parser.epilog = "Without --rehearse it prints the links of the meeting and runs until Ctrl-C."


def run(args: argparse.Namespace, settings: Settings) -> int:
    settings = replace(settings, headless=args.headless)
    if (args.scene and not args.rehearse) or (args.mixed and not args.scene):
        raise BadInput("--scene is played with --rehearse, and --mixed with --scene")
    if args.mixed:
        settings = replace(settings, hearing_streams="mix")
    if args.tp is not None and (args.engine != TINY or args.tp < 1):
        raise BadInput(f"--tp is at least 1, and goes with --engine {TINY}")
    return _rehearse(args, settings) if args.rehearse or args.calendar else _show(settings, args)


def _show(settings: Settings, args: argparse.Namespace) -> int:
    from bot.rehearsal.stage import Teller, on_stage
    from bot.supervision.installation import only_one

    settings = replace(
        settings,
        home=settings.home / "demo",
        cache=str(settings.cache_folder),
        lobby_timeout_s=VISITING_S,
        alone_timeout_s=VISITING_S,
        nobody_came_timeout_s=VISITING_S,
        silence_timeout_s=VISITING_S,
    )
    tell = Teller(sys.stdout)
    with only_one(settings.home):
        play = partial(_visit, tell=tell)
        asyncio.run(on_stage(settings, tell=tell, play=play, engine=args.engine, engine_ways=args.tp))
    return 0


async def _visit(stage: Stage, tell: Teller) -> None:
    """The bot goes to a meeting and stays; a person joins when they like."""
    from bot.supervision.installation import LOCAL_KEY, dashboard_link

    meeting = await stage.host.open(lobby_timeout_s=VISITING_S)
    bot = await stage.client.create_bot(meeting_url=meeting.url, character_id=stage.character_id)
    print(
        f"\n{bot['bot_name']} is on the way to a meeting on this machine. Open these in a browser:\n"
        f"\n  host     {meeting.host_url}\n           lets you and the bot in"
        f"\n  meeting  {meeting.url}\n           join here and talk"
        f"\n  page     {await dashboard_link(stage.settings)}\n           watch the bot, let it say something, stop it"
        f"\n\n  bot      {stage.api_url}/api/v1/bots/{bot['id']} (also /events, /transcript, /turns)"
        f"\n  API key  in {stage.settings.home / LOCAL_KEY}"
        f"\n  logs     in {stage.settings.home / 'logs'}"
        f"\n  commands such as `kill --all` reach it with UNDERSTUDY_HOME={stage.settings.home}"
        "\n\nCtrl-C: the bot says goodbye and all stops. A second Ctrl-C kills at once.\n",
        flush=True,
    )
    last = await stage.client.until_state(bot["id"], (), timeout_s=float("inf"), seen=lambda state: tell(_said(state)))
    tell(f"{last.get('detail') or last.get('code') or 'it has left'}; Ctrl-C ends the demo")
    await stage.tree.until_stopped()


def _said(state: str) -> str:
    return f"the bot is {state.replace('_', ' ')}"


def _rehearse(args: argparse.Namespace, settings: Settings) -> int:
    from bot.rehearsal.leftovers import Leftovers
    from bot.rehearsal.report import failure
    from bot.rehearsal.stage import Teller

    if args.json is not None and (args.json.is_dir() or not os.access(args.json.parent, os.W_OK)):
        raise BadReportFile(f"the report cannot be written to {args.json}: no file can be made there")
    own = settings.home == Settings().home
    home = Path(tempfile.mkdtemp(prefix="understudy-rehearsal-")) if own else settings.home
    leftovers = Leftovers(home)
    try:
        playing = _calendar if args.calendar else _scene if args.scene else _questions
        settings = replace(settings, home=home, cache=str(settings.cache_folder))
        told = playing(args, settings, Teller(sys.stderr), leftovers)
        if told is None:
            return INTERRUPTED
        whole, shown = told
        print(shown, file=sys.stderr)
    except BotError as error:
        whole = failure(f"{error} ({error.code})", left=leftovers.found())
        print(f"understudy demo: {error} ({error.code})", file=sys.stderr)
    if not whole["ok"]:
        print(f"the logs are kept in {home / 'logs'}", file=sys.stderr)
    elif own:
        shutil.rmtree(home, ignore_errors=True)
    _give(whole, args.json)
    return 0 if whole["ok"] else 1


Told = tuple[dict[str, Any], str]  # a report, and the same for people


def _questions(args: argparse.Namespace, settings: Settings, tell: Teller, leftovers: Leftovers) -> Told | None:
    from bot.rehearsal.questions import read_questions
    from bot.rehearsal.report import report, table
    from bot.supervision.installation import only_one

    questions = read_questions(args.questions or _shipped("rehearsal.json"))
    with only_one(settings.home):
        found = asyncio.run(_played(args, settings, questions, tell))
    if found is None:
        return None
    whole = report(replace(found, left=leftovers.found()))
    return whole, table(whole)


def _scene(args: argparse.Namespace, settings: Settings, tell: Teller, leftovers: Leftovers) -> Told | None:
    from bot.rehearsal.scene import read_scene
    from bot.rehearsal.verdict import scene_report, scene_table
    from bot.supervision.installation import only_one

    scene = read_scene(_shipped(f"scene-{args.scene}.json"))
    with only_one(settings.home):
        found = asyncio.run(_played_scene(args, settings, scene, tell))
    if found is None:
        return None
    whole = scene_report(replace(found[0], left=leftovers.found()), found[1])
    return whole, scene_table(whole)


def _calendar(args: argparse.Namespace, settings: Settings, tell: Teller, leftovers: Leftovers) -> Told | None:
    from bot.supervision.installation import only_one

    with only_one(settings.home):
        found = asyncio.run(_followed(args, settings, tell))
    if found is None:
        return None
    left = leftovers.found()
    report = found.report()
    return {**report, "ok": report["ok"] and not left, "left": left}, ""


async def _followed(args: argparse.Namespace, settings: Settings, tell: Teller) -> Followed | None:
    from bot.rehearsal.follow import follow, settings_with
    from bot.rehearsal.google_calendar import GoogleCalendar
    from bot.rehearsal.stage import on_stage

    async def play(stage: Stage) -> Followed:
        return await follow(google, client=stage.client, host=stage.host, character_id=stage.character_id, tell=tell)

    async with GoogleCalendar().serving() as google:
        settings = settings_with(replace(settings, api_port=ANY_PORT), google)
        return await on_stage(settings, tell=tell, play=play, engine=args.engine)


async def _played(
    args: argparse.Namespace, settings: Settings, questions: Sequence[Question], tell: Teller
) -> Findings | None:
    from bot.library import SHIPPED
    from bot.rehearsal.reference import Renderer, mouth_box
    from bot.rehearsal.rehearse import Plan, rehearse
    from bot.rehearsal.script import Patience
    from bot.rehearsal.stage import on_stage

    async def play(stage: Stage) -> Findings:
        plan = Plan(
            questions=questions,
            character_id=stage.character_id,
            box=mouth_box(SHIPPED / "record"),
            voice=args.voice,
            patience=Patience(settle_s=args.settle),
            headless=args.headless,
            chromium=settings.chromium,
            display=child_environment(settings).get("DISPLAY", ""),
        )
        meeting = await stage.host.open()
        tell(f"a meeting is open: {meeting.url}")
        async with Renderer(SHIPPED, settings.video) as renderer:
            return await rehearse(
                plan,
                folder=settings.home / "asker",
                client=stage.client,
                host=stage.host,
                meeting=meeting,
                render=renderer.render,
                tell=tell,
            )

    settings = replace(settings, api_port=ANY_PORT)
    return await on_stage(settings, tell=tell, play=play, engine=args.engine, engine_ways=args.tp)


async def _played_scene(
    args: argparse.Namespace, settings: Settings, scene: Scene, tell: Teller
) -> tuple[Findings, SceneFindings] | None:
    from bot.rehearsal.stage import on_stage
    from bot.rehearsal.table import TablePlan, rehearse_table, told_apart_by

    async def play(stage: Stage) -> tuple[Findings, SceneFindings]:
        plan = TablePlan(
            name=args.scene,
            scene=scene,
            mixed=args.mixed,
            diarization=told_apart_by(settings.diarization_model, mixed=args.mixed),
            character_id=stage.character_id,
            headless=args.headless,
            chromium=settings.chromium,
            display=child_environment(settings).get("DISPLAY", ""),
        )
        meeting = await stage.host.open()
        tell(f"a meeting is open: {meeting.url}")
        folder = settings.home / "people"
        return await rehearse_table(
            plan, folder=folder, client=stage.client, host=stage.host, meeting=meeting, tell=tell
        )

    settings = replace(settings, api_port=ANY_PORT)
    return await on_stage(settings, tell=tell, play=play, engine=args.engine, engine_ways=args.tp)


def _shipped(name: str) -> Path:
    from bot.library import SHIPPED

    return SHIPPED / name


def _give(whole: dict[str, Any], path: Path | None) -> None:
    """The report: one line on standard output, the last one. Raises BadReportFile."""
    print(json.dumps(whole, ensure_ascii=False), flush=True)
    if path is not None:
        try:
            path.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise BadReportFile(f"the report cannot be written to {path}: {error.strerror}") from error
