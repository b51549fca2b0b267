"""The stages of the audio path, one per file, and their order (`chain`). numpy, no I/O."""
