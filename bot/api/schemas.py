"""The nouns of the API as clients see them: pydantic models, and how each is made of the store's nouns."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    BeforeValidator,
    Field,
    FiniteFloat,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)

from bot.api.openapi import inlined
from bot.api.routes import Strict
from bot.domain.lifecycle import PHASES, BotState
from bot.domain.meeting_key import MAX_URL_CHARACTERS
from bot.domain.personal import without_people
from bot.domain.turn_record import TurnRecord, without_words
from bot.store.bots import Bot, BotEvent
from bot.store.characters import LIKENESSES, WHOSE_FACE, Character
from bot.store.knowledge import Document
from bot.store.transcripts import Segment
from bot.store.turns import StoredTurn


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("this time does not exist in UTC") from None


def _written(given: Any) -> Any:
    """The library would take digits for seconds since 1970, which the description promises nobody."""
    if isinstance(given, datetime):
        return given
    try:
        if isinstance(given, str) and _DATE.match(given):
            return _READ.validate_python(given)
    except ValueError:
        pass
    raise ValueError("a time is written as in RFC 3339, with its offset: 2026-11-21T10:00:00Z")


_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_READ: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
GivenTime = Annotated[AwareDatetime, BeforeValidator(_written)]
Moment = Annotated[GivenTime, AfterValidator(_in_utc)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MetadataValue = Annotated[str, StringConstraints(max_length=500)] | bool | int | FiniteFloat | None
Sequence32 = Annotated[int, Field(ge=0, le=2**31 - 1)]
Likeness = Annotated[str, Field(description=WHOSE_FACE), WithJsonSchema({"type": "string", "enum": [*LIKENESSES]})]
MAX_IMAGE_BYTES = 4 * 1024 * 1024
MAX_DOCUMENT_CHARACTERS = 1_000_000


class BotPath(Strict):
    bot_id: Annotated[str, StringConstraints(max_length=64)]


class CharacterPath(Strict):
    character_id: Annotated[str, StringConstraints(max_length=64)]


class Page(Strict):
    limit: int = Field(50, ge=1, le=100)
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before")


class BotsQuery(Page):
    state: BotState | None = None
    phase: Literal["live", "upcoming", "ended"] | None = None
    character_id: str | None = Field(None, max_length=64)
    deduplication_key: Line | None = None
    join_at_gte: Moment | None = Field(None, description="that are to join then or later")
    join_at_lt: Moment | None = Field(None, description="that are to join before then")
    updated_after: Moment | None = None
    order: Literal["newest", "soonest"] = Field(
        "newest",
        description="soonest: who joins next comes first; of `phase=upcoming` or `state=scheduled` alone. A cursor is "
        "good for the order it is from",
    )

    @model_validator(mode="after")
    def _soonest_is_of_scheduled_ones(self) -> Self:
        if self.order == "soonest" and self.states != frozenset({BotState.SCHEDULED}):
            raise ValueError("order=soonest is for phase=upcoming or state=scheduled")
        return self

    @property
    def states(self) -> frozenset[BotState] | None:
        """Those asked for; None: all."""
        asked = [PHASES[self.phase]] if self.phase else []
        asked += [frozenset({self.state})] if self.state else []
        return frozenset.intersection(*asked) if asked else None


class EvidencePath(BotPath):
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.png$")]


class PictureQuery(Strict):
    at: int = Field(0, ge=0, le=2**53, description="any number; a new one is a new address, so a page asks anew")


class After(Strict):
    after: Sequence32 = Field(0, description="only what has a greater `sequence`")
    limit: int = Field(1000, ge=1, le=1000)


class TranscriptQuery(After):
    after: Sequence32 = Field(
        0,
        description="only what has a greater `sequence`; above 0 also corrections of what came before, of which one "
        "with an empty `text` takes a segment back",
    )
    limit: int = Field(200, ge=1, le=1000)
    history: bool = Field(False, description="also what was corrected since; false: what holds now")


class TurnsExport(Strict):
    after: int = Field(0, ge=0, le=2**53, description="only what has a greater `sequence`")
    words: bool = Field(True, description="false: without what people said and what was said to them")


class TurnsQuery(TurnsExport):
    limit: int = Field(1000, ge=1, le=1000)


class NewBot(Strict):
    meeting_url: str = Field(max_length=MAX_URL_CHARACTERS, description="the link people join by; wrapped is fine")
    character_id: str = Field(max_length=64)
    bot_name: Line | None = Field(None, description='the name in the meeting; "(AI)" is added. None: the character\'s')
    join_at: GivenTime | None = Field(None, description="None: now")
    metadata: dict[MetadataKey, MetadataValue] = Field(default_factory=dict, max_length=50)
    deduplication_key: Line | None = Field(
        None, description="of the thing the bot is for: one live bot has it, and none after a user stopped one that had"
    )
    override: bool = Field(False, description="also where this meeting's bot was stopped, turned away or has left")


class Retime(Strict):
    join_at: GivenTime = Field(description="the new time")
    override: bool = Field(False, description="also where the bot of the meeting then was stopped or has left")


class Leave(Strict):
    """Nothing can be said with it; another field is an error."""


class KillAll(Strict):
    scheduled: bool = Field(False, description="cancel also those whose join time has not come")


class Say(Strict):
    text: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class NewCharacter(Strict):
    name: Line
    image_base64: Base64Bytes = Field(max_length=MAX_IMAGE_BYTES * 4 // 3 + 4, description="PNG or JPEG, at most 4 MiB")
    aliases: list[Line] = Field(default_factory=list, max_length=20)
    persona: str = Field("", max_length=8000)
    greeting: str = Field("", max_length=500)
    voice: str = Field("", max_length=100)
    likeness: Likeness
    consent_proof: str | None = Field(None, max_length=2000)
    consent_expires_at: Moment | None = None


class NewConsent(Strict):
    likeness: Likeness | None = Field(None, description="None: as it was")
    consent_proof: str | None = Field(None, max_length=2000, description="needed for `self` and `consented`")
    consent_expires_at: Moment | None = Field(None, description="None: it has no end")


class NewPortrait(Strict):
    points: str | None = Field(
        None, max_length=64 * 1024, description="a points file's JSON, for what no detector finds faces in"
    )
    style: Literal["photo", "drawing", "object"] | None = Field(None, description="seen in the picture without")


class NewDocument(Strict):
    name: Line
    text: str = Field(min_length=1, max_length=MAX_DOCUMENT_CHARACTERS)
    media_type: str = Field("text/markdown", pattern=r"^text/(markdown|plain)$")


class BotView(BaseModel):
    id: str
    state: BotState
    code: str | None = Field(description="why it is in this state, for programs")
    sub_code: str | None
    detail: str
    attempt: int
    meeting_url: str
    character_id: str
    bot_name: str
    join_at: AwareDatetime
    metadata: dict[str, Any]
    deduplication_key: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    joined_at: AwareDatetime | None
    ended_at: AwareDatetime | None

    @classmethod
    def of(cls, bot: Bot) -> Self:
        return cls.model_validate(bot, from_attributes=True)


class EventView(BaseModel):
    sequence: int
    attempt: int
    kind: str
    state: BotState
    code: str | None
    sub_code: str | None
    detail: str
    data: dict[str, Any] = Field(
        description="by kind; what people said and are called is in fields that begin with `pii_`, which are not there "
        "for who has not the scope `transcripts:read`"
    )
    at: AwareDatetime

    @classmethod
    def of(cls, event: BotEvent, *, words: bool) -> Self:
        view = cls.model_validate(event, from_attributes=True)
        return view if words else view.model_copy(update={"data": without_people(view.data)})


class SegmentView(BaseModel):
    sequence: int
    speaker_id: str
    speaker_name: str
    text: str = Field(description="empty in a correction that takes a segment back")
    start_ms: int
    end_ms: int
    source: str = Field(description="who says who spoke: platform, acoustic; voice: the bot's own words")
    confidence: float | None = Field(description="of the words")
    own: bool
    cut: bool
    speaker_confidence: float | None
    supersedes: int | None = Field(description="`sequence` of the segment that this one corrects: it no longer holds")

    @classmethod
    def of(cls, sequence: int, segment: Segment) -> Self:
        fields = {name: getattr(segment, name) for name in cls.model_fields if name != "sequence"}
        return cls.model_construct(sequence=sequence, **fields)  # of our own making, and there are many


class TurnView(BaseModel):
    sequence: int = Field(description="rises within a bot, with gaps")
    attempt: int
    epoch: int | None = Field(description="None: a remark the bot said nothing to")
    record: Annotated[dict[str, Any], WithJsonSchema(inlined(TypeAdapter(TurnRecord).json_schema()))]

    @classmethod
    def of(cls, turn: StoredTurn, *, words: bool = True) -> Self:
        record = dict(turn.record) if words else without_words(turn.record)
        return cls(sequence=turn.sequence, attempt=turn.attempt, epoch=turn.epoch, record=record)


class CharacterView(BaseModel):
    id: str
    slug: str
    name: str
    aliases: list[str]
    persona: str
    greeting: str
    voice: str
    likeness: str
    consent_expires_at: AwareDatetime | None = Field(description="a withdrawn consent ended then; None: it has no end")
    engine: str
    created_at: AwareDatetime
    updated_at: AwareDatetime

    @classmethod
    def of(cls, character: Character) -> Self:
        return cls.model_validate(character, from_attributes=True)


class DeletedCharacter(CharacterView):
    """As it was."""

    files_left: int = Field(
        description="that could not be removed yet and are tried again; the server's log names them"
    )


class FindingView(BaseModel):
    code: str
    text: str


class PortraitView(BaseModel):
    """What the import saw, and what to do for a better face."""

    style: str
    findings: list[FindingView]


class DocumentView(BaseModel):
    id: str
    name: str
    media_type: str
    sha256: str
    created_at: AwareDatetime

    @classmethod
    def of(cls, document: Document) -> Self:
        return cls.model_validate(document, from_attributes=True)


class BotList(BaseModel):
    data: list[BotView]
    next_cursor: str | None
    has_more: bool


class EventList(BaseModel):
    data: list[EventView]


class Transcript(BaseModel):
    data: list[SegmentView]
    has_more: bool = Field(description="more is behind these: ask `after` the last one's `sequence`")


class TurnList(BaseModel):
    data: list[TurnView]


class CharacterList(BaseModel):
    data: list[CharacterView]


class DocumentList(BaseModel):
    data: list[DocumentView]
