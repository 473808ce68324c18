"""Whether the engine server of this machine would take a session, for a cluster's probes: exit code 0 or 1.

python -m bot.supervision.engine_ready [PORT]
"""

from __future__ import annotations

import asyncio
import sys

from bot.config import load_settings
from bot.supervision.probes import http_status

PORT = 8460
HOST = "127.0.0.1"
OK = 200


async def ready(port: int, token: str) -> bool:
    return await http_status(HOST, port, "/ready", f"Authorization: Bearer {token}") == OK


def main() -> int:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else PORT
    return 0 if asyncio.run(ready(port, load_settings().engine_token)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
