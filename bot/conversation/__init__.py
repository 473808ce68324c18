"""Turns, knowledge and answers."""
