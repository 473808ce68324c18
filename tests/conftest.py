from __future__ import annotations

import os

from bot.config import PREFIX
from tests.caching import CACHE

os.environ.setdefault(f"{PREFIX}CACHE", str(CACHE))  # of installations that tests start as commands
