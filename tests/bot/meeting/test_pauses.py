"""The interpreter does not stand still for what it will never free."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MEASURE = """
import gc, json, sys, time
import bot.meeting.run
from bot.meeting.pauses import keep_pauses_short

def collection_s():
    times = []
    for _ in range(5):
        start = time.process_time()
        gc.collect()
        times.append(time.process_time() - start)
    return min(times)

before = collection_s(), sys.getswitchinterval()
keep_pauses_short()
print(json.dumps([before, (collection_s(), sys.getswitchinterval())]))
"""


@pytest.mark.slow
@pytest.mark.parallel
def test_a_collection_looks_at_nothing_that_was_there_before_the_meeting() -> None:
    measured = subprocess.run([sys.executable, "-c", MEASURE], check=True, capture_output=True, timeout=120)
    (collected_s, switched_s), (after_s, switched_after_s) = json.loads(measured.stdout)
    assert after_s < collected_s / 5 and switched_after_s < switched_s
