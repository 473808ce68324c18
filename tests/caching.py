"""Where tests on real parts keep what is made once from a knowledge base: ten seconds of a core for each new home."""

from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".pytest_cache" / "understudy"
