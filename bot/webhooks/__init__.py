"""Telling users' own servers what happens to their bots: Standard Webhooks, until they arrive."""
