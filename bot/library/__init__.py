"""The characters this product ships: one folder each, with character.toml, a picture and a folder `knowledge`."""

from pathlib import Path

_HERE = Path(__file__).parent
SHIPPED = _HERE / "iris"  # the one a demo shows
ALL_SHIPPED = (*(_HERE / name for name in ("amara", "henrik", "bramble", "cuppa")), SHIPPED)


def is_shipped(image: str) -> bool:
    """Is this the picture of one of them?"""
    return Path(image).is_relative_to(_HERE)
