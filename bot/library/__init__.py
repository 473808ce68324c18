"""The characters this product ships: one folder each, with character.toml, a picture and a folder `knowledge`."""

from pathlib import Path

SHIPPED = Path(__file__).parent / "iris"
