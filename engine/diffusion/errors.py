"""What can be wrong with a checkpoint or a machine, each as a class whose docstring is the user's message."""

from __future__ import annotations

from engine.api import EngineError


class BadCheckpoint(EngineError):
    """The checkpoint cannot be used; the message names the file and what is wrong in it."""

    code = "bad_checkpoint"


class NotEnoughMemory(EngineError):
    """This device has too little memory for that checkpoint; the message says how much is needed."""

    code = "not_enough_memory"


class PartMissing(EngineError):
    """The engine needs a package that is not installed: .venv/bin/pip install -c constraints.txt -e '.[engine]'."""

    code = "part_missing"


class CannotBeParted(EngineError):
    """This model cannot be parted over that many devices; the message says what does not divide."""

    code = "cannot_be_parted"
