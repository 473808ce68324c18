"""Google Meet by its web page."""
