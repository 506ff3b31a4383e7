"""Names of programs into products, by hand-made cases and by the recorded ones."""

import json
from pathlib import Path

import pytest

from cmdb.store.port import Title
from licenses.catalogue.load import load, read
from licenses.errors import CatalogueError
from licenses.products import Recogniser

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "licenses" / "programs.jsonl"
RECOGNISER = Recogniser(load())


def product(name: str, publisher: str = "", system: str = "windows-uninstall") -> str | None:
    found = RECOGNISER.product_of(Title(1, system, name, publisher))
    return found.name if found else None


@pytest.mark.parametrize(
    ("name", "publisher", "expected"),
    [
        (
            "Microsoft Office Professional Plus 2019 - en-us",
            "Microsoft Corporation",
            "Microsoft Office",
        ),
        ("Microsoft Visio Professional 2021 - de-de", "Microsoft Corporation", "Microsoft Visio"),
        ("Microsoft Visio Viewer 2016", "Microsoft Corporation", None),
        ("Update for Microsoft Office 2016 (KB4011)", "Microsoft", None),
        ("Microsoft Office Proofing Tools 2016 - English", "Microsoft Corporation", None),
        ("Adobe Acrobat DC (64-bit)", "Adobe", "Adobe Acrobat"),
        ("Adobe Acrobat Reader DC - Deutsch", "Adobe Systems", "Adobe Acrobat Reader"),
        ("Autodesk AutoCAD LT 2023 - English", "Autodesk", "AutoCAD LT"),
        ("AutoCAD 2018 - Français (French)", "Autodesk", "AutoCAD"),
        ("Microsoft SQL Server 2019 (64-bit)", "Microsoft Corporation", "Microsoft SQL Server"),
        ("Microsoft SQL Server 2012 Native Client ", "Microsoft Corporation", None),
        ("IntelliJ IDEA Community Edition 2023.1", "JetBrains s.r.o.", None),
        ("MATLAB Runtime R2021a", "MathWorks", None),
        ("Visio of Somebody Else", "Elsewhere Ltd", None),
        ("", "", None),
        ("\x00\u202e" * 300, "x" * 5_000, None),
    ],
)
def test_names(name: str, publisher: str, expected: str | None) -> None:
    assert product(name, publisher) == expected


def test_packages_of_distributions_are_matched_whole() -> None:
    assert product("postgresql", "Debian", "deb") == "PostgreSQL"
    assert product("postgresql-client-common", "Debian", "deb") is None
    assert product("matlab-support", "Debian", "deb") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[product]", "is no TOML"),
        ('[[product]]\nname = "A"\npublisher = "B"', "neither patterns nor packages"),
        ('[[product]]\nname = "A"\npublisher = "B"\npattern = ["a"]', "unknown field 'pattern'"),
        ('[[product]]\npublisher = "B"\npatterns = ["a"]', "product 1: name must be"),
        ("form = 9", "form is 9"),
        ('[[product]]\nname = "A"\npublisher = "B"\npatterns = ["a"]\n' * 2, "declared twice"),
    ],
)
def test_a_bad_catalogue_is_refused(text: str, says: str) -> None:
    with pytest.raises(CatalogueError, match=says):
        read(text, "own.toml")


@pytest.mark.recorded
def test_recorded_names_ask_for_no_licence_that_nobody_needs() -> None:
    if not RECORDED.exists():
        pytest.skip(f"no recorded names at {RECORDED}")
    rows = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
    licensed = {
        row["id"]
        for row in rows
        if (found := RECOGNISER.product_of(
            Title(0, row["package_system"], row["name"], row["publisher"] or "")
        ))
        and found.licensed
    }  # fmt: skip
    of = {label: [row["id"] in licensed for row in rows if row["label"] == label]
          for label in ("commercial", "open-source", "component", "freeware")}  # fmt: skip
    assert all(len(found) > 50 for found in of.values())
    assert sum(of["open-source"]) == 0
    assert sum(of["component"]) / len(of["component"]) < 0.02
    assert sum(of["commercial"]) / len(of["commercial"]) > 0.5
