"""What the product knows about."""
