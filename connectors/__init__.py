"""Being in a meeting: join, hear, be seen and heard, leave. Knows nothing of bots, databases or avatars."""
