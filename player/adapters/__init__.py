"""Doors to the world: one file for each foreign library or service."""
