"""The composition root: builds the daemon from its parts and processes its inbox."""
