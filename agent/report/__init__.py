"""Facts into observations."""
