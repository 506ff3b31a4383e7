"""Questions about the estate, answered as view models that every face shows alike."""
