"""The stages of the audio path, one a file, and their order, in chain. numpy, no I/O."""
