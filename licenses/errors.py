"""What can go wrong with what is owned and what is used."""


class LicenceError(Exception):
    """Something about licences could not be done; the message says what to do.

    LicenceError
    ├── UnreadableFile    a file of entitlements that cannot be read at all
    ├── CatalogueError    a catalogue that does not hold to its form
    └── UnknownProduct    no product answers to that name
    """


class UnreadableFile(LicenceError, ValueError):
    """A file of entitlements cannot be read at all; nothing of it was taken."""


class CatalogueError(LicenceError, ValueError):
    """A catalogue does not hold to its form; the message names the file and the entry."""


class UnknownProduct(LicenceError, LookupError):
    """No product with a right or an installation answers to that name."""
