"""Storage: SQLite files and their writer thread."""
