"""What can go wrong when observers get, keep and lose their right to speak."""


class EnrolmentError(Exception):
    """A request about enrolment was not granted; the message is for the one who asked.

    EnrolmentError
    ├── TokenRefused     the token is wrong, expired, used up or revoked: ask for another
    ├── RequestRefused   the certificate request or another argument is not in order
    ├── NotKnown         no such token, observer or job
    └── AuthorityBroken  the authority's files are damaged or not readable
    """


class TokenRefused(EnrolmentError):
    """The token does not let anybody in, or not any more."""


class RequestRefused(EnrolmentError):
    """What was asked is not in order; the same again will not be either."""


class NotKnown(EnrolmentError):
    """There is nothing of that name."""


class AuthorityBroken(EnrolmentError):
    """The authority's files are damaged or cannot be read or written."""
