"""The stocktake command."""
