"""What can go wrong in the agent, named for what its caller can do about it.

::

    AgentError                     something failed; the sentence says what and what to do
    ├── UsageError                 the command line or a setting makes no sense
    ├── NotAllowed                 asked for more than an administrator allowed
    ├── NotEnrolled                there is no identity yet: enrol first
    ├── CollectorUnreachable       nobody answers; what was to be sent stays in the outbox
    └── NotCollected               a table of facts could not be looked at; the reason is for people

Knows nothing of the wire or of files: it is imported by all of the agent.
"""

from __future__ import annotations

from typing import ClassVar


class AgentError(Exception):
    """Something failed; the text is one sentence for a person.

    `exit_code` is what the command line returns for it.
    """

    exit_code: ClassVar[int] = 1


class UsageError(AgentError):
    """What was asked for makes no sense; asking the same again does not help."""

    exit_code = 2


class NotAllowed(AgentError):
    """More was asked for than an administrator allowed."""

    exit_code = 3


class NotEnrolled(AgentError):
    """There is no identity in this home: enrol first."""

    exit_code = 4


class CollectorUnreachable(AgentError):
    """No collector answered; what was to be sent is kept and sent later."""

    exit_code = 5


class NotCollected(AgentError):
    """A table of facts was to be looked at and could not be; nothing follows about the machine."""
