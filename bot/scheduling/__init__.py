"""Every bot on time: dispatcher, outbox relay, reaper, Celery edge, launchers."""
