"""Which entry starts when."""
