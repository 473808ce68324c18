"""Text in, sound and its timing out."""
