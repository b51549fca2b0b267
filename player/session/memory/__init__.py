"""What is remembered beyond one session."""
