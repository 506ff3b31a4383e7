"""Tokens, certificate authority, revocation."""
