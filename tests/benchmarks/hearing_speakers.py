"""What telling speakers apart costs, and what it does when there is too much sound. Last line: JSON."""

from __future__ import annotations

import argparse

from tests.benchmarks import _diarization
from tests.benchmarks._report import report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--overload-s", type=float, default=40.0)
    chosen = parser.parse_args()
    configuration = {"weights": "random", "windows": chosen.windows, "overload": _diarization.OVERLOAD}
    figures = _diarization.figures(windows=chosen.windows, overload_s=chosen.overload_s)
    report("hearing_speakers", configuration, figures)


if __name__ == "__main__":
    main()
