"""`understudy api`: the HTTP API alone."""

from __future__ import annotations

import argparse
import asyncio
import time

from bot.config import Settings

HELP = "the HTTP API alone"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Listens on UNDERSTUDY_API_HOST and UNDERSTUDY_API_PORT; SIGTERM ends it after the open requests."
    parser.add_argument("--check", action="store_true", help="start nothing: exit 0 when the one here is ready, else 1")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from bot.supervision.probes import http_status

    if args.check:  # before what it takes to serve is loaded: it is asked again and again
        return int(asyncio.run(http_status(settings.own_host, settings.api_port, "/readyz")) != 200)
    from aiohttp import web

    from bot.api.app import make_app
    from bot.api.metrics import access
    from bot.api.rates import Rates
    from bot.commands.calendar_keeper import google_of, microsoft_of
    from bot.conversation.passages import split_document
    from bot.egress.addresses import parse_networks
    from bot.store.session import Database
    from bot.supervision.installation import free_port
    from bot.vault import Vault

    async def build() -> web.Application:
        database = Database.open(settings)
        metrics = access(host=settings.api_host, token=settings.metrics_token)
        app = make_app(
            database,
            home=settings.home,
            split=split_document,
            metrics=metrics,
            vault=Vault.of(settings),
            egress_allow=parse_networks(settings.egress_allow),
            meeting_hosts=settings.own_meeting_hosts,
            google=google_of(settings),
            microsoft=microsoft_of(settings),
            public_url=settings.public_url,
            rates=Rates(time.monotonic, reads=settings.api_reads_per_minute, writes=settings.api_writes_per_minute),
        )

        async def close(_app: web.Application) -> None:
            await database.close()

        app.on_cleanup.append(close)
        return app

    port = free_port(settings.api_host, settings.api_port)
    web.run_app(build(), host=settings.api_host, port=port, access_log=None, print=None, shutdown_timeout=10)
    return 0
