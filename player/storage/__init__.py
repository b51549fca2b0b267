"""What is written down: SQLite files and their writer thread."""
