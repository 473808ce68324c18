"""`understudy character`: list, make, import, look at and delete characters; renew and withdraw consents; bring the
shipped ones up to date."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.commands.person import write_down
from bot.config import Settings
from bot.errors import BadInput

if TYPE_CHECKING:
    from bot.store.characters import Character, NewCharacter
    from bot.store.session import Session

HELP = "list, import, look at and delete characters, renew and withdraw consents"


MOST_BYTES = 64 << 20  # of a picture: what may be used of it is decided where it is opened
POINTS = """\
A points file says in pixels of IMAGE where the parts of a face are, for a thing, an animal or a drawing:

  {"mouth": {"left": [235, 150], "right": [335, 150], "top": [285, 142], "bottom": [285, 162]},
   "eyes": [{"left": [222, 98], "right": [262, 98]}, {"left": [308, 98], "right": [348, 98]}],
   "chin": [285, 199], "crown": [285, 18],
   "outline": [[180, 18], [390, 18], [400, 199], [170, 199]],
   "draw": ["mouth", "eyes"]}

Only the mouth's two corners are needed. Top and bottom are the lips' outer edges, or the lids' at the eye's middle. The
outline goes round the whole figure; a PNG that is see-through around it does without. "draw" puts features on the
picture that it lacks.
"""
LIKENESS = (
    "whose face it is: fictional (nobody's: a drawing, a thing), stock (a person's, by licence), self or consented "
    "(a real person's, with --consent-proof)"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="the characters there are")
    add = actions.add_parser("add", help="make a character of a picture and a name")
    add.add_argument("--name", required=True)
    add.add_argument("--image", required=True, type=Path, help="a PNG or JPEG")
    _about(add)
    add.add_argument("--likeness", required=True, help=LIKENESS)
    bring = actions.add_parser(
        "import",
        help="make a talking portrait of a picture: a face, a drawing, an object",
        epilog=POINTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bring.add_argument("image", type=Path, metavar="IMAGE", help="a PNG or JPEG")
    bring.add_argument(
        "--points", type=Path, metavar="FILE", help="where eyes and mouth are, for what no detector finds"
    )
    bring.add_argument(
        "--style", choices=("photo", "drawing", "object"), help="what it is; seen in the picture without"
    )
    bring.add_argument(
        "--name", help="the character's name; the file's without. One of that name gets this face and keeps the rest"
    )
    _about(bring)
    bring.add_argument("--likeness", required=True, help=LIKENESS)
    show = actions.add_parser("preview", help="look at a character before it meets anybody")
    show.add_argument("id", metavar="ID", help="its id or name")
    show.add_argument("--text", default="Hello. People often believe that my mouth moves for every word. Why not?")
    show.add_argument("--sheet", type=Path, metavar="FILE.png", help="every mouth, the lids and the head, side by side")
    show.add_argument("--clip", type=Path, metavar="FILE.mp4", help="the face listens, says the text, listens")
    withdraw = actions.add_parser("withdraw", help="end a consent: the face is shown nowhere from now on")
    renew = actions.add_parser("renew", help="say anew whose face it is, and which consent there is to show it")
    renew.add_argument("--likeness", help=f"{LIKENESS}; as it was without")
    _consent(renew)
    delete = actions.add_parser("delete", help="delete a character, what it knows, its pictures and its consent")
    for parser in (withdraw, renew, delete):
        parser.add_argument("id", metavar="ID", help="its id or name")
    ensure = actions.add_parser("ensure-shipped", help="make or update the characters this product ships")
    ensure.add_argument("--engine", help="the engine that moves their faces; what a character says without")


def _about(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--alias", action="append", default=[], help="another name it answers to; may be repeated")
    parser.add_argument("--persona", default="")
    parser.add_argument("--greeting", default="")
    parser.add_argument("--voice", default="")
    _consent(parser)


def _consent(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--consent-proof", help="where the proof of consent is kept; needed for self and consented")
    parser.add_argument("--consent-expires", type=_day, metavar="YYYY-MM-DD", help="the last day of the consent")


def _day(text: str) -> datetime:
    """The end of that day, UTC."""
    return datetime.combine(date.fromisoformat(text), time.max, tzinfo=UTC)


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(ACTIONS[args.action](args, settings))
    return 0


async def _list(args: argparse.Namespace, settings: Settings) -> None:
    from bot.store import characters, workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        for character in await characters.list_all(session, workspace_id=workspace.id):
            print(f"{character.id}  {character.slug:20}  {character.name}")


async def _add(args: argparse.Namespace, settings: Settings) -> None:
    from bot.assets import keep_image
    from bot.library import keeping
    from bot.store import characters, workspaces
    from bot.store.session import Database

    new = _new(args, args.name, Path())
    characters.check(new)  # before the picture is kept
    content = _content(args.image)
    async with Database.open(settings) as database, keeping.changing(database, settings.home) as change:
        new = replace(new, image_path=str(keep_image(settings.home, content)))
        change.touches(new.image_path)
        async with database.write() as session:
            workspace = await workspaces.ensure(session)
            character = await characters.create(session, workspace_id=workspace.id, new=new)
    print(character.id)


async def _import(args: argparse.Namespace, settings: Settings) -> None:
    """The id goes to standard output, what to know about the picture to standard error."""
    from bot.library import keeping
    from bot.library.portraits import prepare_portrait
    from bot.store import characters, occurrences, workspaces
    from bot.store.session import Database

    name = args.image.stem if args.name is None else args.name
    slug, new = characters.slug_of(name), _new(args, name, Path())
    characters.check(new)  # before anything is written: consent most of all
    points = _content(args.points).decode(errors="replace") if args.points else None
    content = _content(args.image)
    async with Database.open(settings) as database, database.write() as session:  # before the work is done
        workspace = await workspaces.ensure(session)
        keeping.refuse_shipped(await characters.find(session, workspace_id=workspace.id, slug=slug))
    made = await prepare_portrait(settings.home, content, points=points, style=args.style)
    new = replace(new, image_path=str(made.image), record_path=str(made.record))
    async with Database.open(settings) as database, keeping.changing(database, settings.home) as change:
        change.touches(new.image_path, new.record_path)
        await keeping.still_there(made)
        async with database.write() as session:
            await occurrences.lock_workspace(session, workspace.id)  # two at once onto one name take turns
            there = await characters.find(session, workspace_id=workspace.id, slug=slug)
            keeping.refuse_shipped(there)
            if there is not None:
                change.touches(there.image_path, there.record_path)
                new = _with_new_face(there, new, name=args.name)
            character = await characters.ensure(session, workspace_id=workspace.id, slug=slug, new=new)
    for _, text in made.findings or [("", "Nothing to object to.")]:
        _say(text)
    _say(f"look at it: understudy character preview {character.slug} --sheet sheet.png --clip clip.mp4")
    print(character.id)


async def _preview(args: argparse.Namespace, settings: Settings) -> None:
    """Of the face as bots show it, and so only where they may."""
    from bot.library.portraits import PortraitUnavailable, clauses_of, timing_of, told
    from bot.meeting.parts import assets_of
    from bot.store import characters, workspaces
    from bot.store.session import Database
    from bot.voice.base import VoiceError
    from bot.voice.registry import DEFAULT_VOICE, open_voice
    from engine.api import EngineError, require_consent
    from engine.portrait.preview import write_clip, write_sheet
    from engine.portrait.record import load_record

    if not (args.sheet or args.clip):
        raise BadInput("say what to make: --sheet FILE.png, --clip FILE.mp4 or both")
    for path in (args.sheet, args.clip):  # minutes may pass before they are written
        if path and not path.parent.is_dir():
            raise BadInput(f"{path.parent} is no folder")
        if path and path.exists() and not path.is_file():  # a device's place would be taken
            raise BadInput(f"{path} is a folder" if path.is_dir() else f"{path} is no plain file")
    async with Database.open(settings) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        character = await characters.named(session, workspace_id=workspace.id, name=args.id)
    try:
        assets = assets_of(character)
        require_consent(assets)
        record = load_record(assets.image, assets.record)
        if args.sheet:
            write_sheet(record, args.sheet)
        if args.clip:
            async with open_voice(character.voice or DEFAULT_VOICE) as voice:
                clauses = await clauses_of(voice.say(args.text))
            write_clip(record, [(clause.pcm, timing_of(clause)) for clause in clauses], args.clip)
    except EngineError as error:
        raise told(error) from error
    except VoiceError as error:
        raise PortraitUnavailable(f"the clip has no voice: {error}") from error


async def _withdraw(args: argparse.Namespace, settings: Settings) -> None:
    from bot.store import characters

    async with _of(args.id, settings) as (session, there):
        mine: dict[str, Any] = {"workspace_id": there.workspace_id, "now": datetime.now(UTC)}
        ended = await characters.withdraw_consent(session, there.id, **mine)
        await _write_down(session, "withdraw_consent", ended)
    print(f"The face of {there.slug} is shown nowhere any more; bots that have it leave.")


async def _renew(args: argparse.Namespace, settings: Settings) -> None:
    from bot.store import characters

    new = characters.NewConsent(
        likeness=args.likeness, consent_proof=args.consent_proof, consent_expires_at=args.consent_expires
    )
    async with _of(args.id, settings) as (session, there):
        mine: dict[str, Any] = {"workspace_id": there.workspace_id, "now": datetime.now(UTC)}
        renewed = await characters.renew_consent(session, there.id, **mine, new=new)
        await _write_down(session, "renew_consent", renewed)
    end = renewed.consent_expires_at
    print(f"The face of {there.slug} may be shown {f'until {end:%Y-%m-%d %H:%M} UTC' if end else 'without an end'}.")


@asynccontextmanager
async def _of(name: str, settings: Settings) -> AsyncIterator[tuple[Session, Character]]:
    """A character that is not shipped, by id or name, in a transaction."""
    from bot.library.keeping import refuse_shipped
    from bot.store import characters, workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        there = await characters.named(session, workspace_id=workspace.id, name=name)
        refuse_shipped(there)
        yield session, there


async def _write_down(session: Session, action: str, character: Character) -> None:
    from bot.store.characters import consent_in_brief

    where, brief = f"/characters/{character.id}/consent", consent_in_brief(character)
    await write_down(session, character.workspace_id, action=action, object=where, details=brief)


async def _delete(args: argparse.Namespace, settings: Settings) -> None:
    from bot.library import keeping
    from bot.store import characters, workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database:
        async with database.write() as session:
            workspace = await workspaces.ensure(session)
            there = await characters.named(session, workspace_id=workspace.id, name=args.id)
        mine: dict[str, Any] = {"workspace_id": workspace.id, "now": datetime.now(UTC)}
        _, left = await keeping.delete(database, settings.home, there.id, **mine)
        where, details = f"/characters/{there.id}", {"files_left": left}
        async with database.write() as session:
            await write_down(session, workspace.id, action="delete_character", object=where, details=details)
    if left:
        _say(f"{left} of its files cannot be removed yet, which is tried again; the log above says which and why.")
    print(f"deleted {there.id}")


def _new(args: argparse.Namespace, name: str, image: Path) -> NewCharacter:
    from bot.store.characters import NewCharacter

    return NewCharacter(
        name=name,
        image_path=str(image),
        aliases=args.alias,
        persona=args.persona,
        greeting=args.greeting,
        voice=args.voice,
        likeness=args.likeness,
        consent_proof=args.consent_proof,
        consent_expires_at=args.consent_expires,
    )


def _with_new_face(there: Character, new: NewCharacter, *, name: str | None) -> NewCharacter:
    """`there` with the picture of `new`, whose likeness it is and the consent to it; words only where some are given,
    all else as it was."""
    from bot.store.characters import NewCharacter

    kept = {field.name: getattr(there, field.name) for field in fields(NewCharacter)}
    face = ("image_path", "record_path", "likeness", "consent_proof", "consent_expires_at")
    told = {word: getattr(new, word) or kept[word] for word in ("aliases", "persona", "greeting", "voice")}
    return NewCharacter(**{**kept, **told, **{part: getattr(new, part) for part in face}, "name": name or there.name})


def _content(path: Path) -> bytes:
    """All of a file. Raises BadInput."""
    if not path.is_file():
        raise BadInput(f"{path} is no file" if path.exists() else f"{path} is not there")
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise BadInput(f"{path} has {size / 2**20:.0f} MiB; at most {MOST_BYTES >> 20} MiB are read")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def _ensure_shipped(args: argparse.Namespace, settings: Settings) -> None:
    from bot.conversation.passages import split_document
    from bot.library import ALL_SHIPPED
    from bot.library.importing import ensure_character
    from bot.store import workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        for folder in ALL_SHIPPED:
            character = await ensure_character(
                session, folder, workspace_id=workspace.id, split=split_document, engine=args.engine
            )
            print(character.id)  # the demo's is the last one


ACTIONS: dict[str, Callable[[argparse.Namespace, Settings], Coroutine[Any, Any, None]]] = {
    "list": _list,
    "add": _add,
    "import": _import,
    "preview": _preview,
    "withdraw": _withdraw,
    "renew": _renew,
    "delete": _delete,
    "ensure-shipped": _ensure_shipped,
}
