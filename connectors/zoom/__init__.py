"""Zoom by its web client."""
