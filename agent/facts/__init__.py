"""One pure reader per table of facts."""
