"""Accounts, roles, tokens, sessions, audit."""
