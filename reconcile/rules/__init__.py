"""The rules by which the engine decides, as data: read, shown, put in force, tried out."""
