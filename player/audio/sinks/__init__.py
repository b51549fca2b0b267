"""The outputs: ALSA, a pipe, a WAV file, and none."""
