"""What is owned against what is used."""
