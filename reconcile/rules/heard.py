"""Sources that a rules file names and nobody ever heard: mostly a slip of the pen.

A kind of source is known to the product; a single source is known to an estate alone. So this is
asked where a file is checked or put in force, and never of rules that hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from cmdb.model.observation import Source
from reconcile.rules.model import Rules
from reconcile.rules.nodes import Problem
from reconcile.rules.read import Loaded

_MOST_SHOWN = 8


def unheard(loaded: Loaded, sources: Iterable[Source], now: Rules) -> tuple[Problem, ...]:
    """What is wrong in a file that names others than these sources, by line.

    Args:
        loaded: The file.
        sources: All that were heard; of an estate that heard nobody nothing is asked.
        now: The rules in force: what they name was asked before.
    """
    heard = {f"{source.kind}/{source.instance}" for source in sources}
    return tuple(_problems(loaded, sorted(heard | set(_named(now))))) if heard else ()


def _named(rules: Rules) -> Iterator[str]:
    for said in rules.classes.values():
        for rule in said.values.values():
            yield from (f"{x.kind}/{x.instance}" for x in rule.order or () if x.instance)


def _problems(loaded: Loaded, known: list[str]) -> Iterator[Problem]:
    for line, column, name in loaded.named:
        if name not in known:
            text = f"source {name} was never heard in this estate; {_hint(name, known)}"
            yield Problem(line, column, f"{text} (one that is still to come: --unheard)")


def _hint(name: str, known: list[str]) -> str:
    kind, _, instance = name.partition("/")
    same_kind = {each.partition("/")[2]: each for each in known if each.startswith(f"{kind}/")}
    same_name = [each for each in known if each.partition("/")[2] == instance]
    near = [same_kind[each] for each in get_close_matches(instance, same_kind, 1)] or same_name
    if near:
        return f"did you mean {near[0]}?"
    if not same_kind:
        return f"no source of kind {kind} was"
    listed = ", ".join(list(same_kind.values())[:_MOST_SHOWN])
    more = f" and {len(same_kind) - _MOST_SHOWN} more" if len(same_kind) > _MOST_SHOWN else ""
    return f"there {'is' if len(same_kind) == 1 else 'are'} {listed}{more}"
