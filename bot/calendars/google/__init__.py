"""Google Calendar: its events, its API, its push channels."""
