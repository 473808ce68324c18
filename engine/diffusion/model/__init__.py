"""Single-device model files: they know no rank, no cache policy, no session, no file."""
