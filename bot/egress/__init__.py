"""Requests to addresses that users give us: nowhere but to public servers, and never for long."""
