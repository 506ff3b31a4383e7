"""Products by the names inventories show."""
