"""Who speaks in a mixed stream, by voice alone."""
