"""Topics and payloads to commands and back; no socket."""
