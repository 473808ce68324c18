"""The dashboard: static files, served by the API and talking to nothing but its public routes."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
