"""One bot in one meeting, inside its own process."""
