"""Webhooks as clients of the API see them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, StringConstraints, field_validator

from bot.api.routes import Strict
from bot.api.schemas import Moment
from bot.domain.lifecycle import BotState
from bot.domain.webhook_events import EVENT_TYPES, TEST
from bot.egress.addresses import MAX_URL_CHARACTERS
from bot.store.webhook_deliveries import Attempt, Delivery, DeliveryState
from bot.store.webhook_endpoints import Endpoint

EventType = Annotated[str, StringConstraints(max_length=64), Field(json_schema_extra={"enum": list(EVENT_TYPES)})]
Url = Annotated[str, StringConstraints(max_length=MAX_URL_CHARACTERS, min_length=1)]
Description = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)]
LONGEST_OVERLAP_S = 7 * 86400


class EndpointPath(Strict):
    endpoint_id: Annotated[str, StringConstraints(max_length=64)]


class DeliveryPath(EndpointPath):
    delivery_id: Annotated[str, StringConstraints(max_length=64)]


class _Wanted(Strict):
    @field_validator("events", check_fields=False)
    @classmethod
    def _known(cls, events: list[str] | None) -> list[str] | None:
        unknown = sorted(set(events or ()) - set(EVENT_TYPES))
        if unknown:
            raise ValueError(f"no such event: {', '.join(unknown)}")
        return events if events is None else list(dict.fromkeys(events))


class NewEndpoint(_Wanted):
    url: Url = Field(description="https, on a public server")
    events: list[EventType] = Field(default_factory=list, max_length=50, description="none in particular: all")
    description: Description = ""


class EndpointChange(_Wanted):
    """What is left out stays as it is."""

    url: Url | None = None
    events: list[EventType] | None = Field(None, max_length=50)
    description: Description | None = None
    enabled: bool | None = Field(None, description="true: what was held meanwhile is sent; false: nothing is sent")


class Rotation(Strict):
    overlap_s: int = Field(
        86400, ge=0, le=LONGEST_OVERLAP_S, description="so long messages are signed with the secret before as well"
    )


class Test(Strict):
    """Nothing can be said with it; another field is an error."""


class Replay(Strict):
    since: Moment = Field(description="what happened since then")
    state: Literal["delivered", "failed", "waiting"] | None = Field(None, description="only what is in this state")

    @property
    def states(self) -> tuple[DeliveryState, ...]:
        return tuple(DeliveryState) if self.state is None else (DeliveryState(self.state),)


class DeliveriesQuery(Strict):
    limit: int = Field(50, ge=1, le=100)
    before: int | None = Field(None, ge=0, le=2**31 - 1, description="only what has a smaller `sequence`")
    state: DeliveryState | None = None


class EndpointView(BaseModel):
    id: str
    url: str
    description: str
    events: list[str] = Field(description="empty: all")
    enabled: bool
    disabled_reason: str | None = Field(
        description="by_user; unreachable: nothing arrived for days; gone: it answered 410"
    )
    disabled_at: AwareDatetime | None
    failing_since: AwareDatetime | None = Field(description="the first failure since anything arrived")
    last_sequence: int = Field(description="number of the newest message made for it")
    previous_secret_until: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime

    @classmethod
    def fields_of(cls, endpoint: Endpoint) -> dict[str, Any]:
        names = EndpointView.model_fields.keys() - {"previous_secret_until"}
        return {name: getattr(endpoint, name) for name in names} | {"previous_secret_until": endpoint.previous_until}

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        return cls(**cls.fields_of(endpoint))


class EndpointWithSecret(EndpointView):
    secret: str = Field(description="whsec_...: verifies messages; shown this once")


class EndpointList(BaseModel):
    data: list[EndpointView]


class DeliveryView(BaseModel):
    id: str
    event_id: str = Field(description="the header webhook-id, the same at every attempt and replay")
    type: str
    sequence: int = Field(description="1, 2, 3... of this endpoint; also in the message")
    state: DeliveryState = Field(description="held: the endpoint is disabled; failed: given up")
    tries: int
    next_at: AwareDatetime | None = Field(description="of one that waits: not before then")
    last_status: int | None
    last_error: str | None
    created_at: AwareDatetime = Field(description="when it happened")
    ended_at: AwareDatetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(**cls.fields_of(delivery))

    @classmethod
    def fields_of(cls, delivery: Delivery) -> dict[str, Any]:
        fields = {name: getattr(delivery, name) for name in DeliveryView.model_fields}
        return fields if delivery.state is DeliveryState.WAITING else {**fields, "next_at": None}


class AttemptView(BaseModel):
    number: int
    at: AwareDatetime
    status: int | None = Field(description="None: no answer")
    error: str | None = Field(description="None: it arrived")
    answer: str = Field(description="the first characters of what the server said")
    duration_ms: int

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        return cls.model_validate(attempt, from_attributes=True)


class DeliveryDetail(DeliveryView):
    body: dict[str, JsonValue] = Field(description="the message; what is signed is its text as it is sent")
    attempts: list[AttemptView]


class DeliveryList(BaseModel):
    data: list[DeliveryView]
    has_more: bool


class BotData(BaseModel):
    """Of events `bot.<state>`."""

    bot_id: str
    attempt: int
    state: BotState
    code: str | None = Field(description="why, for programs")
    sub_code: str | None


class EndpointData(BaseModel):
    """Of the events `webhook.disabled` and `webhook.test`."""

    endpoint_id: str
    reason: str | None = Field(None, description="unreachable | gone")


class CalendarData(BaseModel):
    """Of the events `calendar.changed` and `calendar.action_required`."""

    calendar_id: str
    code: str | None = Field(None, description="of what went wrong")
    decisions: int | None = Field(None, description="events that are decided otherwise than before")


class Message(BaseModel):
    """What an endpoint is sent."""

    type: str = Field(json_schema_extra={"enum": [*EVENT_TYPES, TEST]})
    timestamp: AwareDatetime = Field(description="when it happened")
    sequence: int = Field(description="1, 2, 3... of this endpoint, without gaps")
    api_version: Literal["v1"]
    data: BotData | EndpointData | CalendarData


class Replayed(BaseModel):
    deliveries: int = Field(description="how many are sent again")
