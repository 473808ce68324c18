"""The API as a Python program uses it: typed, repeated where that is safe, with nothing from inside the product.

    async with Client("http://127.0.0.1:8420", key) as client:
        bot = await client.send(meeting_url="https://meet.google.com/abc-defg-hij", character_id=character.id)
        async for change in client.follow():
            ...

One file per noun, as the API has its handlers. Whatever changes something carries an Idempotency-Key of its own, so a
request whose answer was lost is sent again and done once. What a server of a later version says more is left out.
"""

from __future__ import annotations

from bot.client.audit import Audit, AuditEntry
from bot.client.bots import Bot, Bots, Event, Segment, Turn, hold
from bot.client.calendars import Calendar, CalendarEvent, Calendars, Link, Rules
from bot.client.characters import Character, Characters, Document, Finding, Portrait
from bot.client.connection import ApiError, ApiUnreachable, first
from bot.client.keys import Key, Keys, KeyWithSecret
from bot.client.live import Change, Live
from bot.client.webhooks import Attempt, Delivery, DeliveryDetail, Endpoint, EndpointWithSecret, Webhooks

__all__ = [
    "ApiError",
    "ApiUnreachable",
    "Attempt",
    "AuditEntry",
    "Bot",
    "Calendar",
    "CalendarEvent",
    "Change",
    "Character",
    "Client",
    "Delivery",
    "DeliveryDetail",
    "Document",
    "Endpoint",
    "EndpointWithSecret",
    "Event",
    "Finding",
    "Key",
    "KeyWithSecret",
    "Link",
    "Portrait",
    "Rules",
    "Segment",
    "Turn",
    "first",
    "hold",
]


class Client(Bots, Live, Characters, Calendars, Webhooks, Keys, Audit):
    """One workspace, by one key. Entered and left. Every method raises ApiError where the API says no, with the code
    of its description, and ApiUnreachable where it does not answer after some tries."""
