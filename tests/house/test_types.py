"""Types with torch's own read as well. The checks before the tests leave it out: it takes two thirds of mypy's time."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = '"torch.*", '


@pytest.mark.acceptance
@pytest.mark.parallel
@pytest.mark.timeout(600)
def test_what_calls_torch_calls_it_by_its_types(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    ours = (ROOT / "pyproject.toml").read_text()
    assert ours.count(LEFT_OUT) == 1
    config = tmp_path / "pyproject.toml"
    config.write_text(ours.replace(LEFT_OUT, ""))
    argv = [sys.executable, "-m", "mypy", "--config-file", str(config), "--cache-dir", str(tmp_path / "cache")]
    told = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=540, check=False)
    assert told.returncode == 0, told.stdout
