"""Everything that observes."""
