"""The console's shell."""
