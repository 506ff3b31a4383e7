"""The record of the estate."""
