"""Values in their normal form."""
