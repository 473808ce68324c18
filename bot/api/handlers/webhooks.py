"""Webhooks: where to tell what happens, how it went, and telling it again."""

from __future__ import annotations

import json
from datetime import timedelta

from bot.api.routes import Call, NoBody, NoPath, NoQuery, Route
from bot.api.webhook_schemas import (
    AttemptView,
    DeliveriesQuery,
    DeliveryDetail,
    DeliveryList,
    DeliveryPath,
    DeliveryView,
    EndpointChange,
    EndpointList,
    EndpointPath,
    EndpointView,
    EndpointWithSecret,
    NewEndpoint,
    Replay,
    Replayed,
    Rotation,
    Test,
)
from bot.domain import webhook_events
from bot.egress import addresses
from bot.egress.addresses import AddressRefused
from bot.store import webhook_deliveries, webhook_endpoints
from bot.store.tables import new_id
from bot.store.webhook_deliveries import EndpointDisabled, UnknownDelivery
from bot.store.webhook_endpoints import TooManyEndpoints, UnknownEndpoint
from bot.webhooks import signing


async def create(call: Call[NoPath, NoQuery, NewEndpoint]) -> EndpointWithSecret:
    wanted, services = call.body, call.services
    url = addresses.parse(wanted.url, services.egress_allow).url
    endpoint_id, secret = new_id(), signing.new_secret()
    sealed = services.vault.seal(secret, place=webhook_endpoints.place(endpoint_id))
    async with services.database.write() as session:
        made = await webhook_endpoints.create(
            session,
            workspace_id=call.workspace_id,
            endpoint_id=endpoint_id,
            url=url,
            sealed_secret=sealed,
            description=wanted.description,
            events=wanted.events,
            now=call.now,
        )
        shown = EndpointWithSecret(**EndpointView.fields_of(made), secret=secret)
        await call.repeat.keep(session, shown.model_dump_json())
    return shown


async def list_all(call: Call[NoPath, NoQuery, NoBody]) -> EndpointList:
    async with call.services.database.read() as session:
        found = await webhook_endpoints.list_all(session, workspace_id=call.workspace_id)
    return EndpointList(data=[EndpointView.of(endpoint) for endpoint in found])


async def show(call: Call[EndpointPath, NoQuery, NoBody]) -> EndpointView:
    async with call.services.database.read() as session:
        return EndpointView.of(
            await webhook_endpoints.get(session, call.path.endpoint_id, workspace_id=call.workspace_id)
        )


async def change(call: Call[EndpointPath, NoQuery, EndpointChange]) -> EndpointView:
    values = call.body.model_dump(exclude_none=True)
    if "url" in values:
        values["url"] = addresses.parse(values["url"], call.services.egress_allow).url
    async with call.services.database.write() as session:
        return EndpointView.of(
            await webhook_endpoints.change(
                session, call.path.endpoint_id, workspace_id=call.workspace_id, values=values, now=call.now
            )
        )


async def remove(call: Call[EndpointPath, NoQuery, NoBody]) -> EndpointView:
    async with call.services.database.write() as session:
        return EndpointView.of(
            await webhook_endpoints.remove(session, call.path.endpoint_id, workspace_id=call.workspace_id)
        )


async def rotate(call: Call[EndpointPath, NoQuery, Rotation]) -> EndpointWithSecret:
    endpoint_id, secret = call.path.endpoint_id, signing.new_secret()
    async with call.services.database.write() as session:
        before = await webhook_endpoints.get(session, endpoint_id, workspace_id=call.workspace_id)
        rotated = await webhook_endpoints.rotate(
            session,
            before.id,
            workspace_id=call.workspace_id,
            sealed_secret=call.services.vault.seal(secret, place=webhook_endpoints.place(before.id)),
            previous_until=call.now + timedelta(seconds=call.body.overlap_s),
            now=call.now,
        )
    return EndpointWithSecret(**EndpointView.fields_of(rotated), secret=secret)


async def test(call: Call[EndpointPath, NoQuery, Test]) -> DeliveryView:
    workspace_id = call.workspace_id
    async with call.services.database.write() as session:
        endpoint = await webhook_endpoints.lock_one(session, call.path.endpoint_id, workspace_id=workspace_id)
        if not endpoint.enabled:
            raise EndpointDisabled
        data = {"endpoint_id": endpoint.id}
        made = await webhook_deliveries.add(session, endpoint, event_type=webhook_events.TEST, data=data, now=call.now)
        return DeliveryView.of(
            await webhook_deliveries.get(session, made, endpoint_id=endpoint.id, workspace_id=workspace_id)
        )


async def deliveries(call: Call[EndpointPath, DeliveriesQuery, NoBody]) -> DeliveryList:
    query, workspace_id = call.query, call.workspace_id
    async with call.services.database.read() as session:
        endpoint = await webhook_endpoints.get(session, call.path.endpoint_id, workspace_id=workspace_id)
        found = await webhook_deliveries.list_newest(
            session,
            endpoint_id=endpoint.id,
            workspace_id=workspace_id,
            limit=query.limit + 1,
            before=query.before,
            state=query.state,
        )
    page = [DeliveryView.of(delivery) for delivery in found[: query.limit]]
    return DeliveryList(data=page, has_more=len(found) > query.limit)


async def show_delivery(call: Call[DeliveryPath, NoQuery, NoBody]) -> DeliveryDetail:
    path, workspace_id = call.path, call.workspace_id
    async with call.services.database.read() as session:
        await webhook_endpoints.get(session, path.endpoint_id, workspace_id=workspace_id)
        found = await webhook_deliveries.get(
            session, path.delivery_id, endpoint_id=path.endpoint_id, workspace_id=workspace_id
        )
        log = await webhook_deliveries.log(session, found.id)
    attempts = [AttemptView.of(attempt) for attempt in log]
    return DeliveryDetail(**DeliveryView.fields_of(found), body=json.loads(found.body), attempts=attempts)


async def replay_one(call: Call[DeliveryPath, NoQuery, NoBody]) -> DeliveryView:
    path, workspace_id = call.path, call.workspace_id
    async with call.services.database.write() as session:
        await webhook_deliveries.replay(
            session, path.endpoint_id, workspace_id=workspace_id, now=call.now, delivery_id=path.delivery_id
        )
        return DeliveryView.of(
            await webhook_deliveries.get(
                session, path.delivery_id, endpoint_id=path.endpoint_id, workspace_id=workspace_id
            )
        )


async def replay(call: Call[EndpointPath, NoQuery, Replay]) -> Replayed:
    async with call.services.database.write() as session:
        again = await webhook_deliveries.replay(
            session,
            call.path.endpoint_id,
            workspace_id=call.workspace_id,
            now=call.now,
            since=call.body.since,
            states=call.body.states,
        )
    return Replayed(deliveries=again)


ROUTES = (
    Route(
        method="POST",
        path="/webhooks",
        name="create_webhook",
        summary="Be told what happens, by Standard Webhooks; the answer has the secret that verifies them",
        tag="webhooks",
        scope="webhooks:write",
        handler=create,
        body=NewEndpoint,
        answer=EndpointWithSecret,
        status=201,
        errors=(AddressRefused, TooManyEndpoints),
    ),
    Route(
        method="GET",
        path="/webhooks",
        name="list_webhooks",
        summary="Webhook endpoints, oldest first",
        tag="webhooks",
        scope="webhooks:read",
        handler=list_all,
        answer=EndpointList,
    ),
    Route(
        method="GET",
        path="/webhooks/{endpoint_id}",
        name="show_webhook",
        summary="One webhook endpoint, and why it is disabled where it is",
        tag="webhooks",
        scope="webhooks:read",
        handler=show,
        path_model=EndpointPath,
        answer=EndpointView,
        errors=(UnknownEndpoint,),
    ),
    Route(
        method="PATCH",
        path="/webhooks/{endpoint_id}",
        name="change_webhook",
        summary="Change where to, what, or whether at all",
        tag="webhooks",
        scope="webhooks:write",
        handler=change,
        path_model=EndpointPath,
        body=EndpointChange,
        answer=EndpointView,
        errors=(UnknownEndpoint, AddressRefused),
    ),
    Route(
        method="POST",
        path="/webhooks/{endpoint_id}/rotate-secret",
        name="rotate_webhook_secret",
        summary="A new secret; for a while messages are signed with the one before as well",
        tag="webhooks",
        scope="webhooks:write",
        handler=rotate,
        path_model=EndpointPath,
        body=Rotation,
        answer=EndpointWithSecret,
        errors=(UnknownEndpoint,),
    ),
    Route(
        method="POST",
        path="/webhooks/{endpoint_id}/test",
        name="test_webhook",
        summary="Send a message of the type `webhook.test`",
        tag="webhooks",
        scope="webhooks:write",
        handler=test,
        path_model=EndpointPath,
        body=Test,
        answer=DeliveryView,
        status=202,
        errors=(UnknownEndpoint, EndpointDisabled),
    ),
    Route(
        method="POST",
        path="/webhooks/{endpoint_id}/replay",
        name="replay_webhooks",
        summary="Send again what happened since a time, under the same ids",
        tag="webhooks",
        scope="webhooks:write",
        handler=replay,
        path_model=EndpointPath,
        body=Replay,
        answer=Replayed,
        status=202,
        errors=(UnknownEndpoint, EndpointDisabled),
    ),
    Route(
        method="GET",
        path="/webhooks/{endpoint_id}/deliveries",
        name="list_webhook_deliveries",
        summary="What was sent to an endpoint and what waits, newest first",
        tag="webhooks",
        scope="webhooks:read",
        handler=deliveries,
        path_model=EndpointPath,
        query=DeliveriesQuery,
        answer=DeliveryList,
        errors=(UnknownEndpoint,),
    ),
    Route(
        method="GET",
        path="/webhooks/{endpoint_id}/deliveries/{delivery_id}",
        name="show_webhook_delivery",
        summary="One delivery: its message, and every attempt with what was answered",
        tag="webhooks",
        scope="webhooks:read",
        handler=show_delivery,
        path_model=DeliveryPath,
        answer=DeliveryDetail,
        errors=(UnknownEndpoint, UnknownDelivery),
    ),
    Route(
        method="POST",
        path="/webhooks/{endpoint_id}/deliveries/{delivery_id}/replay",
        name="replay_webhook_delivery",
        summary="Send one delivery again, under the same id",
        tag="webhooks",
        scope="webhooks:write",
        handler=replay_one,
        path_model=DeliveryPath,
        answer=DeliveryView,
        status=202,
        errors=(UnknownEndpoint, UnknownDelivery, EndpointDisabled),
    ),
    Route(
        method="DELETE",
        path="/webhooks/{endpoint_id}",
        name="remove_webhook",
        summary="Remove an endpoint and all that was sent to it; answers what it was",
        tag="webhooks",
        scope="webhooks:write",
        handler=remove,
        path_model=EndpointPath,
        answer=EndpointView,
        errors=(UnknownEndpoint,),
    ),
)
