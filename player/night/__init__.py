"""Pure time and choice: schedule, sleep timer, rotation. Now and randomness are arguments."""
