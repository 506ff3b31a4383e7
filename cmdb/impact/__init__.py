"""What fails if this fails."""
