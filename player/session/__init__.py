"""Decides what happens: the session, its timer, schedule and memory. Pure: time and randomness are arguments."""
