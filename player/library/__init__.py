"""Files, folders and playlists, and the scan that measures them."""
