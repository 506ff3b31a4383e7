"""Keys of versions against what orders them in the field: dpkg, packaging, published tables."""

import random
import shutil
import subprocess
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from cmdb.store.versions import TEXT_MOST, sort_key

SYSTEMS = ("deb", "rpm", "pip", "npm", "msi", "", "anything")


def compared(system: str, one: str, other: str) -> str:
    left, right = sort_key(system, one), sort_key(system, other)
    return "lt" if left < right else "gt" if left > right else "eq"


# --- deb


def _deb(rng: random.Random) -> str:
    word = "".join(rng.choices("0123456789ab~+.", k=rng.randint(1, 7)))
    epoch = rng.choice(["", "", "", "0:", "1:", "02:"])
    revision = rng.choice(["", "", "-0", "-1", "-1~bpo12+1", "-1.1", "-01", "-a", "-1+b1", "-~"])
    return f"{epoch}{rng.randint(0, 11)}{word}{revision}"


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not here")
def test_deb_versions_sort_as_dpkg_has_them() -> None:
    rng = random.Random(20261123)
    made = [_deb(rng) for _ in range(3_000)]
    near = [f"{text}{rng.choice(['', '~', '.0', 'a', '0', '.', '+', '-0'])}" for text in made]
    pairs = [*zip(made, near, strict=True), *pairwise(rng.sample(made, 1_000))]
    lines = [f"{one} {compared('deb', one, other)} {other}" for one, other in pairs]
    assert {line.split()[1] for line in lines} == {"lt", "gt", "eq"}
    loop = (
        'while read -r a op b; do dpkg --compare-versions "$a" "$op" "$b" || echo "$a $op $b"; done'
    )
    done = subprocess.run(
        ["/bin/sh", "-c", loop], input="".join(f"{line}\n" for line in lines),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == ""
    assert "warning" not in done.stderr, done.stderr[:500]


# --- rpm

# Of rpm's own tests (tests/rpmvercmp.at), the newer one last; two that are one are alike.
_RPM_ASCENDING = (
    ("1.0", "2.0"), ("2.0", "2.0.1"), ("2.0.1", "2.0.1a"), ("5.5p1", "5.5p2"), ("5.5p1", "5.5p10"),
    ("10xyz", "10.1xyz"), ("xyz10", "xyz10.1"), ("xyz.4", "xyz10"), ("xyz.4", "8"), ("xyz.4", "2"),
    ("5.5p2", "5.6p1"), ("5.6p1", "6.5p1"), ("6.0", "6.0.rc1"), ("10a2", "10b2"), ("1.0a", "1.0aa"),
    ("10.0001", "10.0039"), ("4.999.9", "5.0"), ("1.0~rc1", "1.0"), ("1.0~rc1", "1.0~rc2"),
    ("1.0~rc1~git123", "1.0~rc1"), ("1.0", "1.0^"), ("1.0^git1", "1.0^git2"),
    ("1.0^git1", "1.01"), ("1.0^20160101", "1.0.1"), ("1.0^20160101^git1", "1.0^20160102"),
    ("1.0~rc1", "1.0~rc1^git1"), ("1.0^git1~pre", "1.0^git1"), ("20101121", "20101122"),
    ("1:1.0", "2:0.1"), ("9.0", "1:0.1"), ("1.0-1.el9", "1.0-2.el9"), ("1.0-9.el9", "1.0-10.el9"),
)  # fmt: skip
_RPM_ALIKE = (
    ("1.0", "1.0"), ("xyz10", "xyz10"), ("10.0001", "10.1"), ("2_0", "2.0"), ("2.0", "2_0"),
    ("a", "a"), ("a+", "a_"), ("+a", "_a"), ("+_", "_+"), ("+", "_"), ("1.0~rc1", "1.0~rc1"),
    ("1.0^", "1.0^"), ("0:1.0-1", "1.0-1"), ("1b.fc17", "1b.fc17"),
)  # fmt: skip


@pytest.mark.parametrize(("older", "newer"), _RPM_ASCENDING)
def test_rpm_versions_sort_as_rpm_has_them(older: str, newer: str) -> None:
    assert compared("rpm", older, newer) == "lt"


@pytest.mark.parametrize(("one", "other"), _RPM_ALIKE)
def test_rpm_versions_that_are_one(one: str, other: str) -> None:
    assert compared("rpm", one, other) == "eq"


# --- pip


def _pip(rng: random.Random) -> str:
    release = ".".join(str(rng.choice([0, 0, 1, 2, 10])) for _ in range(rng.randint(1, 4)))
    pre = rng.choice(["", "", "a1", ".b2", "-rc.3", "alpha", "_beta0", "c1", "preview7"])
    post = rng.choice(["", "", ".post1", "-1", ".rev2", "r3", "post"])
    dev = rng.choice(["", "", ".dev0", "dev3", "-dev"])
    local = rng.choice(["", "", "+1", "+abc.1", "+1.abc", "+ubuntu-1", "+a"])
    return f"{rng.choice(['', '', 'v', '1!', '0!'])}{release}{pre}{post}{dev}{local}"


def test_pip_versions_sort_as_packaging_has_them() -> None:
    rng = random.Random(440)
    made = [_pip(rng) for _ in range(600)]
    found = set()
    for one, other in combinations(made[:120], 2):
        expected = _packaging(one, other)
        found.add(expected)
        assert compared("pip", one, other) == expected, (one, other)
    for one, other in [*pairwise(made), ("1.0", "v1"), ("1.0a1", "1_alpha-1"), ("1-1", "1.post1")]:
        found.add(_packaging(one, other))
        assert compared("pip", one, other) == _packaging(one, other), (one, other)
    assert found == {"lt", "gt", "eq"}


def _packaging(one: str, other: str) -> str:
    left, right = Version(one), Version(other)
    return "lt" if left < right else "gt" if left > right else "eq"


def test_what_is_no_pip_version_comes_before_all_that_are() -> None:
    assert compared("pip", "unknown", "0.dev0") == "lt"
    assert compared("pip", "bad-1", "bad-2") == "lt"


# --- semantic versions and numbers

# The example of semver.org 2.0, item 11.
_SEMANTIC = (
    "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
    "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0", "2.0.0",
)  # fmt: skip


def test_semantic_versions_sort_as_their_rule_says() -> None:
    shuffled = random.Random(11).sample(_SEMANTIC, len(_SEMANTIC))
    assert sorted(shuffled, key=lambda text: sort_key("npm", text)) == [*_SEMANTIC]
    assert compared("npm", "1.0.0+build1", "v1.0.0+build2") == "eq"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("10.0.19045.3570", "10.0.19045.10000"), ("9.99", "10.0"), ("2.0-beta", "2.0"),
        ("2.0 RC1", "2.0"), ("2.0-alpha2", "2.0 beta 1"), ("1.0.2k", "1.0.2u"),
        ("119.0.6045.123", "119.0.6045.124"), ("1.8.0_202", "1.8.0_381"), ("v1.2", "v1.3"),
        ("2019", "2022"), ("", "1"),
    ],
)  # fmt: skip
def test_numbers_with_dots(older: str, newer: str) -> None:
    assert compared("msi", older, newer) == "lt"


@pytest.mark.parametrize(
    ("one", "other"), [("1.2", "1.2.0.0"), ("1.02", "1.2"), ("v1", "1"), ("1-0-beta", "1 beta")]
)
def test_numbers_that_are_one_version(one: str, other: str) -> None:
    assert compared("msi", one, other) == "eq"


# --- any text


@given(system=st.sampled_from(SYSTEMS), text=st.text(max_size=300))
def test_every_text_has_a_key_of_bounded_size(system: str, text: str) -> None:
    assert len(sort_key(system, text)) < 16 * TEXT_MOST


@given(system=st.sampled_from(SYSTEMS), number=st.integers(0, 10**300), more=st.integers(1, 99))
def test_larger_numbers_sort_later(system: str, number: int, more: int) -> None:
    one, other = str(number)[:TEXT_MOST], str(int(str(number)[:TEXT_MOST]) + more)[:TEXT_MOST]
    assert (int(one) < int(other)) == (sort_key(system, one) < sort_key(system, other))
