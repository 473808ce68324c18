"""Google Meet by its web page, and whatever has its shape (our simulator)."""
