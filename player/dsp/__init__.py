"""The audio path: one stage per file, and their order once, in chain. numpy, no I/O."""
