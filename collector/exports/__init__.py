"""Views that leave."""
