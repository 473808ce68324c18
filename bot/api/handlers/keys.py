"""API keys: made with a role or with scopes of their own, listed, revoked. Nobody gives what they do not have."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from bot.api.routes import Call, NoBody, NoPath, NoQuery, Route, Strict
from bot.api.schemas import Line, Moment
from bot.domain.roles import ALL_SCOPES, SCOPES, Role
from bot.errors import BadInput, BotError
from bot.store import keys
from bot.store.keys import ApiKey, TooManyKeys, UnknownKey

Scope = Annotated[str, StringConstraints(max_length=64), Field(json_schema_extra={"enum": list(ALL_SCOPES)})]


class BeyondOwn(BotError):
    """A key cannot give another one more than it may do itself, or a longer life."""

    code, http_status = "beyond_own_rights", 403


class OverAlready(BadInput):
    """A key that has ended before it begins opens nothing; `expires_at` must be in the future."""

    code = "expires_in_the_past"


class KeyPath(Strict):
    key_id: Annotated[str, StringConstraints(max_length=64)]


class KeysQuery(Strict):
    over: bool = Field(False, description="also keys that are revoked or have ended")


class NewKey(Strict):
    """With a role or with scopes, not with both."""

    name: Line = Field(description="what the key is for")
    role: Role | None = Field(None, description="what a viewer, an operator or an admin may, also in later versions")
    scopes: list[Scope] | None = Field(None, min_length=1, max_length=50, description="these alone")
    expires_at: Moment | None = Field(None, description="None: when it is revoked, or as the key that makes it")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.role is None) == (self.scopes is None):
            raise ValueError("give a role or scopes, one of them")
        unknown = sorted(set(self.scopes or ()) - set(ALL_SCOPES))
        if unknown:
            raise ValueError(f"no such scope: {', '.join(unknown)}")
        return self


class KeyView(BaseModel):
    id: str
    name: str
    role: Role | None = Field(description="None: it has scopes of its own")
    scopes: list[str] = Field(description="what it may do in this version")
    created_at: AwareDatetime
    last_used_at: AwareDatetime | None = Field(description="to the minute")
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls.model_validate(key, from_attributes=True)


class KeyWithSecret(KeyView):
    key: str = Field(description="uk_<id>_<secret>; it is shown this once")


class KeyList(BaseModel):
    data: list[KeyView]


async def create(call: Call[NoPath, NoQuery, NewKey]) -> KeyWithSecret:
    wanted, ends_at = call.body, _end(call)
    scopes = sorted(SCOPES[wanted.role]) if wanted.role is not None else list(dict.fromkeys(wanted.scopes or ()))
    missing = sorted(set(scopes) - call.scopes)
    if missing:
        raise BeyondOwn(scopes=missing)
    if wanted.role is not None and call.role is None:
        raise BeyondOwn("A role grows with later versions: a key with scopes of its own gives scopes alone.")
    async with call.services.database.write() as session:
        mine = {"workspace_id": call.workspace_id}
        await keys.make_room(session, **mine, now=call.now)
        made, text = await keys.create(
            session, **mine, name=wanted.name, role=wanted.role, scopes=scopes, expires_at=ends_at
        )
        shown = KeyWithSecret(**KeyView.of(made).model_dump(), key=text)
        await call.repeat.keep(session, shown.model_dump_json())
    return shown


def _end(call: Call[NoPath, NoQuery, NewKey]) -> datetime | None:
    """Raises OverAlready, BeyondOwn."""
    wanted, own = call.body.expires_at, call.key_ends_at
    if wanted is None:
        return own
    if wanted <= call.now:
        raise OverAlready
    if own is not None and wanted > own:
        raise BeyondOwn(expires_at=own.isoformat())
    return wanted


async def list_newest(call: Call[NoPath, KeysQuery, NoBody]) -> KeyList:
    async with call.services.database.read() as session:
        found = await keys.newest(session, workspace_id=call.workspace_id, now=call.now, over=call.query.over)
    return KeyList(data=[KeyView.of(key) for key in found])


async def revoke(call: Call[KeyPath, NoQuery, NoBody]) -> KeyView:
    async with call.services.database.write() as session:
        return KeyView.of(await keys.revoke(session, call.path.key_id, workspace_id=call.workspace_id, now=call.now))


ROUTES = (
    Route(
        method="POST",
        path="/keys",
        name="create_key",
        summary="Make an API key with a role or with scopes of its own; its text is shown this once",
        tag="keys",
        scope="keys:write",
        handler=create,
        body=NewKey,
        answer=KeyWithSecret,
        status=201,
        errors=(BeyondOwn, OverAlready, TooManyKeys),
    ),
    Route(
        method="GET",
        path="/keys",
        name="list_keys",
        summary="API keys without their secrets, the newest first, a thousand at most",
        tag="keys",
        scope="keys:read",
        handler=list_newest,
        query=KeysQuery,
        answer=KeyList,
    ),
    Route(
        method="DELETE",
        path="/keys/{key_id}",
        name="revoke_key",
        summary="From now on the key opens nothing, the own one too; answers what it was",
        tag="keys",
        scope="keys:write",
        handler=revoke,
        path_model=KeyPath,
        answer=KeyView,
        errors=(UnknownKey,),
    ),
)
