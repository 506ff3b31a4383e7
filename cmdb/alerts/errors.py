"""What can go wrong with alerts."""


class AlertError(Exception):
    """Something about alerts could not be done; the message says what to do.

    AlertError
    ├── UnknownAlert       there is no such alert
    ├── UnknownChannel     there is no such channel
    ├── ChannelRefused     an address that messages may not or cannot be sent to
    └── DeliveryFailed     a message did not get through; trying again may work
    """


class UnknownAlert(AlertError, LookupError):
    """There is no alert of that number."""


class UnknownChannel(AlertError, LookupError):
    """There is no channel of that name."""


class ChannelRefused(AlertError, ValueError):
    """Messages may not, or cannot, be sent to that address."""


class DeliveryFailed(AlertError):
    """A message did not get through. Trying again may work."""
