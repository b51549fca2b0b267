"""Measurements: loudness, true peak and startle events of whole tracks, and the examiner of a rendered night."""
