"""The wire: topics and payloads to commands and back, and the connection to the broker."""
