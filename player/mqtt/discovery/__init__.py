"""Discovery: announces the speaker to Home Assistant, openHAB and others."""
