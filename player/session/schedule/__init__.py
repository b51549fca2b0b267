"""Decides which entry starts when."""
