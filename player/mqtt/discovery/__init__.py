"""How Home Assistant, openHAB and others find the speaker."""
