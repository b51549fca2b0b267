"""What sounds: the engine, its decks and mixer, the DSP stages, the decoders and the outputs."""
