"""What can go wrong when somebody wants in or wants to do something."""

from datetime import timedelta


class PeopleError(Exception):
    """Somebody may not do what they asked for; the message is for them.

    PeopleError
    ├── SignInFailed      name or password is wrong, or the session or token is over
    ├── SignInThrottled   too many failures; `wait` says when to try again
    ├── Forbidden         signed in, and lacks the role
    ├── UnknownAccount    no account of that name
    └── InvalidRequest    a name, password or term that is not taken; says what is
    """


class SignInFailed(PeopleError):
    """Name or password is wrong. Does not say which."""


class SignInThrottled(PeopleError):
    """Too many sign-ins failed."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__(
            f"Too many failed sign-ins. Try again in {max(1, round(wait.total_seconds()))} seconds."
        )


class Forbidden(PeopleError):
    """The account lacks the role."""


class UnknownAccount(PeopleError, LookupError):
    """There is no account of that name."""


class InvalidRequest(PeopleError, ValueError):
    """A name, password or term that is not taken."""
