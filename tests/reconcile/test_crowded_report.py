"""A report with thousands of adapters holds nobody up and joins by no more than some of them."""

from __future__ import annotations

from reconcile.keys import _MOST_VALUES, key_values
from tests.reconcile.history import Engine, Say


def test_identifying_values_of_a_record_are_bounded(engine: Engine, said: Say) -> None:
    adapters = [
        {
            "name": f"e{number}",
            "kind": "ethernet",
            "mac": f"00:50:56:00:{number // 256:02x}:{number % 256:02x}",
        }
        for number in range(4_000)
    ]
    for record in range(8):
        engine.tell(said("agent", f"k{record}", record, interfaces=adapters))
    from reconcile.explain import accounts_of

    (asset,) = engine.record.view.all_assets()
    accounts = accounts_of(engine.record, asset.id)
    assert len(accounts) == 8
    macs = [value for value in key_values(accounts[0]) if value.key.name == "mac"]
    assert len(macs) == _MOST_VALUES
