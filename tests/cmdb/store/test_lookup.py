"""The look-up of many keys is a dict, whatever the keys share."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from cmdb.store.sqlite.lookup import Lookup

# Few different low bits, so that keys want the same slots and run into the end of the table.
keys = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -1, 63, 127, -(2**63), 64, 2**40 - 1])


@given(st.lists(keys, unique=True, max_size=300), st.lists(keys, max_size=60))
@example([0], [0])
@example([], [0, 1])
@example([n << 8 | 63 for n in range(200)], [n << 8 | 63 for n in range(230)])
def test_what_is_found_is_what_was_put(put: list[int], asked: list[int]) -> None:
    numbers = range(7, 7 + len(put))
    model = dict(zip(put, numbers, strict=True))
    table = Lookup(np.array(put, np.int64), np.array(numbers, np.uint32))
    for wanted in (asked, put):
        found, hit = table.get(np.array(wanted, np.int64))
        assert hit.tolist() == [key in model for key in wanted]
        assert found[hit].tolist() == [model[key] for key in wanted if key in model]
