"""Triggers: other people's topics turned into commands by rules of the config. Pure, standard library."""
