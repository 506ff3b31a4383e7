"""Rule, state, delivery."""
