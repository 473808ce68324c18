"""A rehearsal: an asker in a second browser plays the human, and measures at its own ears and eyes."""
