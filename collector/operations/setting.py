"""Values that people set, and whether they win."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmdb.model.observation import Json
from cmdb.people.roles import CHANGE_MANAGER
from cmdb.query.identity import asset_ref
from collector.operation import Context, Operation
from collector.operations.identity import deciding

if TYPE_CHECKING:
    from datetime import datetime

    from cmdb.store.port import Record
    from reconcile.deciding import Word
    from reconcile.explained import ClaimExplained
    from reconcile.setting import Setting


@dataclass(frozen=True)
class SetParams:
    """Values of an asset."""

    ref: str
    values: tuple[str, ...]
    """attribute=value each."""
    note: str = ""


@dataclass(frozen=True)
class UnsetParams:
    """Attributes of an asset of which people say nothing any more."""

    ref: str
    names: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class SetValue:
    """A value that was set or taken back, and what holds now."""

    name: str
    said: Json
    """None: taken back."""
    value: Json
    """What the asset has now."""
    wins: bool
    """Whether it has what was said."""
    why: str
    """Why the winner wins, and why what was said loses."""


@dataclass(frozen=True)
class ValuesSet:
    """What became of values."""

    asset: str
    number: int | None
    """The decision that tells of it; None: it is not in the record yet."""
    values: tuple[SetValue, ...]
    sequence: int
    """Place in the journal."""


def _set(context: Context, params: SetParams) -> ValuesSet:
    from reconcile.setting import set_values

    word = deciding(context).word(context.record, context.account, params.note)
    return _say(context, word, set_values(context.record, params.ref, params.values, word))


def _unset(context: Context, params: UnsetParams) -> ValuesSet:
    from reconcile.setting import unset_values

    word = deciding(context).word(context.record, context.account, params.note)
    return _say(context, word, unset_values(context.record, params.ref, params.names, word))


def _say(context: Context, word: Word, setting: Setting) -> ValuesSet:
    from collector.deciding import number_of

    desk = deciding(context)
    sequence = desk.say(context.record, word, setting.decisions, setting.observations)
    with desk.fresh() as record:
        number = number_of(record, setting.decisions[-1])
        values = tuple(
            _value(record, setting, name, max(context.now, word.at)) for name in setting.values
        )
    return ValuesSet(asset_ref(setting.asset), number, values, sequence)


def _value(record: Record, setting: Setting, name: str, at: datetime) -> SetValue:
    from reconcile.explain import explain

    found = explain(record, asset_ref(setting.asset), name, at).attributes[0]
    said = setting.values[name]
    best = next((claim.why for claim in found.claims if claim.wins), "nobody says anything else")
    own = next((claim for claim in found.claims if _is_own(claim)), None)
    wins = said is None or (own is not None and (own.wins or own.why == "says the same"))
    why = best if wins or own is None else f"{own.why}; it is kept, and {best}"
    return SetValue(name, said, found.value, wins, why)


def _is_own(claim: ClaimExplained) -> bool:
    from reconcile.decisions import BY_HAND

    return (claim.source_kind, claim.source_instance) == (BY_HAND.kind, BY_HAND.instance)


OPERATIONS = (
    Operation(
        "assets.set", "POST", "/assets/{ref}/set", "Set values of an asset", SetParams, ValuesSet,
        _set, CHANGE_MANAGER,
    ),
    Operation(
        "assets.unset", "POST", "/assets/{ref}/unset", "Take values back that people set",
        UnsetParams, ValuesSet, _unset, CHANGE_MANAGER,
    ),
)  # fmt: skip
