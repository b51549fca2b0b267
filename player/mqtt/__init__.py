"""MQTT: converts topics and payloads to commands and back, and keeps the connection to the broker."""
