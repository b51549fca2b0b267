"""Triggers: other people's topics turned into commands by rules of the config. Standard library only."""
