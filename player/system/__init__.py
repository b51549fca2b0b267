"""The machine around the daemon: systemd, journal, clock, watchdog."""
