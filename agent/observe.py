"""One look at this system: the observation that the agent sends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from agent.facts.root import Root
from agent.report.build import build_observation

if TYPE_CHECKING:
    from stocktake.v1.observation_pb2 import Observation


class Speaker(Protocol):
    """Who speaks: as much of an identity as an observation needs."""

    @property
    def observer_id(self) -> str:
        """The observer."""

    @property
    def key_prefix(self) -> str:
        """The native key of the machine it runs on."""

    @property
    def scope(self) -> str:
        """Where its addresses have meaning."""


def observe(
    identity: Speaker, allowed_sections: frozenset[str] | None = None, root: Root | None = None
) -> tuple[Observation, tuple[str, ...]]:
    """What is so on this system now, and what could not be looked at, for people.

    `allowed_sections` of None allows all. Without a `root` the running system is read.
    """
    return build_observation(
        root or Root(),
        source_instance=identity.observer_id,
        scope=identity.scope,
        native_key=identity.key_prefix,
        observed_at=datetime.now(UTC),
        sections=allowed_sections,
    )
