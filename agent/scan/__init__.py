"""The network probe."""
