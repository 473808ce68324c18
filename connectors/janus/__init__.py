"""The VideoRoom of a Janus server, by its own web client."""
