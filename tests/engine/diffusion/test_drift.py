"""The monitor sees a drift, and its correction bounds one that would grow without end."""

from __future__ import annotations

from tests.engine.diffusion.support import torch  # first: it skips without torch

# isort: split
from engine.diffusion.drift import DriftMonitor

SIZE = (1, 16, 1, 8, 8)


def drifting_model(monitor, blocks):
    """Each latent is made from the one before, a little brighter and a little louder."""
    latent = torch.randn(SIZE)
    for _ in range(blocks):
        latent = 1.01 * (0.98 * latent + 0.2 * torch.randn(SIZE)) + 0.03
        monitor.correct(latent)
        monitor.watch(latent)
    return latent


def reference():
    torch.manual_seed(0)
    return torch.randn(1, 16, 8, 8)


def test_a_faithful_stream_shows_no_drift():
    monitor = DriftMonitor(reference())
    for _ in range(300):
        monitor.watch(monitor.reference_mean + monitor.reference_spread * torch.randn(SIZE))
    assert monitor.worst() < 0.15


def test_a_drifting_stream_is_seen():
    monitor = DriftMonitor(reference())
    drifting_model(monitor, 300)
    assert monitor.worst() > 1.0


def test_the_correction_bounds_the_drift():
    monitor = DriftMonitor(reference(), memory=20, strength=0.3)
    drifting_model(monitor, 300)
    early = monitor.worst()
    drifting_model(monitor, 1000)
    assert monitor.worst() < 0.5
    assert monitor.worst() < 2 * early + 0.1


def test_without_strength_nothing_is_touched():
    monitor, latent = DriftMonitor(reference()), torch.randn(SIZE)
    monitor.watch(latent + 5)
    before = latent.clone()
    monitor.correct(latent)
    assert (latent == before).all()
