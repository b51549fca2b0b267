"""The tracks that come with lull: generated sounds, written as files."""
