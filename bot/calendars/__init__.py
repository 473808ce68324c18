"""Calendars: which meetings a bot goes to, and why; kept true while people move, decline and cancel them."""
