"""One file per noun: its handlers and its rows of the route table."""
