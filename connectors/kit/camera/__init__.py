"""The virtual camera: one sink behind `pyvirtualcam.Camera`, with three ways into the browser.

v4l2loopback   a kernel device, where the host has one
file           a two-frame video on tmpfs, rewritten in place, given to Chromium's capture process alone
page           a track made inside the page, fed over the loopback channel
"""

from __future__ import annotations

from connectors.kit.camera.host import WAYS, CameraHost
from connectors.kit.camera.virtual import VirtualCamera

__all__ = ["WAYS", "CameraHost", "VirtualCamera"]
