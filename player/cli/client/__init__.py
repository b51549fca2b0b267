"""The commands to a running speaker, over MQTT."""
