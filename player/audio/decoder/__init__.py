"""From files and streams to 48 kHz stereo float32, through libVLC."""
