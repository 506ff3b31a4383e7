"""What can go wrong with a store, named for what the caller can do."""


class StoreError(Exception):
    """The store could not do what was asked. The cause is chained.

    StoreError
    ├── StoreUnavailable   trying again later may work
    ├── StoreFull          no room on the disk; nothing was written
    ├── StoreForeign       not a store of ours, or of a newer version
    ├── UnknownAsset       no asset answers to that name
    └── BadSearch          the search names what is not there
    """


class StoreUnavailable(StoreError):
    """The store did not answer. Trying again later may work."""


class StoreFull(StoreError):
    """There is no room. Nothing was written."""


class StoreForeign(StoreError):
    """The file is not a store of ours, or one of a newer version."""


class BadSearch(StoreError, ValueError):
    """The search names something that is not there; the message says what there is."""


class UnknownAsset(StoreError, LookupError):
    """No asset, or more than one, answers to that name."""

    def __init__(self, message: str, called: str = "") -> None:
        super().__init__(message)
        self.called = called
        """The name, where nothing at all answers to it now."""
