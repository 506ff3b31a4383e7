"""Every class and relation, once."""
