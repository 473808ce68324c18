"""Microsoft Teams by its web client."""
