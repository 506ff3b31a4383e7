"""How links read."""

from __future__ import annotations

import pytest

from cmdb.query.identity import how_linked


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("seen by mac", "seen by its mac"),
        ("seen by address and name", "seen by its address and name"),
        ("seen by same address and name", "seen by the same address and name"),
        ("seen by nobody else", "seen by nobody else"),
        ("first of its kind", "first of its kind"),
        ("set by a person", "set by a person"),
        ("mac", "joined by mac"),
        ("system_serial+mac", "joined by system_serial and mac"),
        ("native key", "joined by native key"),
        ("native key+person", "joined by native key and a person"),
        ("person", "joined by a person"),
    ],
)
def test_a_rule_reads_as_a_reason(rule: str, words: str) -> None:
    assert how_linked(rule) == words
