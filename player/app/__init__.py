"""The composition root: puts the daemon together from its parts and turns its inbox."""
