"""The settings as frozen values, valid once built."""
