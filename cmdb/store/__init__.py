"""Ledger, View and Desk."""
