"""iCalendar feeds (RFC 5545): text in, events out."""
