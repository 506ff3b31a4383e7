"""Entitlement files: good ones, bad rows among good ones, and files that are none."""

import json
from datetime import UTC, datetime

import pytest

from collector.sources.lines import parse
from licenses.entitlements import Reading, read_csv
from licenses.errors import UnreadableFile

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HEAD = "product,quantity,publisher,start,end,contract\n"


def read(text: str, name: str = "rights.csv") -> Reading:
    return read_csv(text.encode(), name, NOW)


def attributes(reading: Reading) -> list[dict[str, object]]:
    return [json.loads(line)["attributes"] for line in reading.lines]


@pytest.mark.parametrize(
    "text",
    [
        "product,quantity,end\nMicrosoft Visio,5,2027-01-31\n",
        "\ufeffProdukt;Anzahl;Ende\r\nMicrosoft Visio;5;2027-01-31\r\n",
        'Valid Until\tSoftware\tQty\n2027-01-31\t"Microsoft  Visio"\t 5 \n\n',
        'END DATE,"Product Name",licences,something else\n2027-01-31,Microsoft Visio,5,x',
    ],
)
def test_headers_come_in_any_order_and_many_words(text: str) -> None:
    reading = read(text)
    assert reading.problems == ()
    assert attributes(reading) == [
        {
            "product": "Microsoft Visio",
            "quantity": 5,
            "end": "2027-01-31",
            "metric": "device",
            "name": "Microsoft Visio",
        }
    ]


def test_lines_are_of_the_import_form() -> None:
    reading = read(
        HEAD + "Microsoft Visio,5,Microsoft,2025-01-01,2027-01-31,C-1\n", "a/Q1 2026.csv"
    )
    said = parse(reading.lines[0])
    assert said.key.source.kind == "import"  # type: ignore[union-attr]
    assert said.key.source.instance == "Q1 2026"  # type: ignore[union-attr]
    assert said.key.scope == "licences"  # type: ignore[union-attr]
    assert said.full is True  # type: ignore[union-attr]
    assert said.received_at == NOW


def test_keys_stay_when_rows_move_and_differ_for_two_rows_of_one_product() -> None:
    one = read(HEAD + "Visio,5,,,,C-1\nProject,2,,,,C-1\nVisio,3,,,,C-1\n")
    two = read(HEAD + "Project,2,,,,C-1\nVisio,5,,,,C-1\nVisio,3,,,,C-1\n")
    keys = [json.loads(line)["native_key"] for line in one.lines]
    assert len(set(keys)) == 3
    assert set(keys) == {json.loads(line)["native_key"] for line in two.lines}


@pytest.mark.parametrize(
    ("row", "column", "says"),
    [
        ("Visio,-3,,,,", "quantity", "whole number"),
        ("Visio,0,,,,", "quantity", "from 1 to"),
        ("Visio,1.5,,,,", "quantity", "whole number"),
        ("Visio,999999999999,,,,", "quantity", "from 1 to"),
        ("Visio,٣,,,,", "quantity", "whole number"),
        ("Visio,,,,,", "quantity", "missing"),
        (",5,,,,", "product", "missing"),
        ("Visio,5,,31.01.2027,,", "start", "2026-01-31"),
        ("Visio,5,,2027-02-30,,", "start", "2026-01-31"),
        ("Visio,5,,,9999-12-31,", "end", "1970 to 2200"),
        ("Visio,5,,2027-01-01,2026-01-01,", "end", "before the start"),
        ("Visio,5,,,,C-1,too,many", "", "8 cells"),
        ("Visio,5," + "x" * 2_000 + ",,,", "publisher", "longer"),
    ],
)
def test_a_bad_row_is_named_and_takes_no_other_with_it(row: str, column: str, says: str) -> None:
    reading = read(HEAD + "Project,2,,,,\n" + row + "\nAcrobat,1,,,,\n")
    assert [each["product"] for each in attributes(reading)] == ["Project", "Acrobat"]
    (problem,) = reading.problems
    assert (problem.file, problem.line, problem.column) == ("rights.csv", 3, column)
    assert says in str(problem)
    assert str(problem).startswith("rights.csv line 3")


def test_an_unknown_metric_is_refused_with_those_there_are() -> None:
    reading = read("product,quantity,metric\nVisio,5,moonbeams\nVisio,5,DEVICE\n")
    assert "there are device" in str(reading.problems[0])
    assert attributes(reading)[0]["metric"] == "device"


def test_lines_are_counted_past_cells_with_line_breaks() -> None:
    reading = read('product,quantity,note\nVisio,5,"one\ntwo"\nVisio,x,\n')
    assert [problem.line for problem in reading.problems] == [4]


def test_formulas_are_text() -> None:
    reading = read('product,quantity,note\n"=HYPERLINK(""http://x"")",5,@SUM(A1)\n')
    assert attributes(reading)[0]["product"] == '=HYPERLINK("http://x")'
    assert attributes(reading)[0]["note"] == "@SUM(A1)"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"product,quantity\nVisio\xe9,5\n", "line 2 is not UTF-8"),
        ("product,quantity\n".encode("utf-16"), "line 1 is not UTF-8"),
        ("product,quantity\n".encode("utf-16-le"), "NUL"),
        (b"foo,bar\n1,2\n", "names no column 'product'"),
        (b"product,quantity,qty\nVisio,1,1\n", "two columns for 'quantity'"),
        (b'product,quantity\n"Visio,5\n', "quote"),
        (b"\x89PNG\r\n\x1a\n", "line 1 is not UTF-8"),
    ],
)
def test_what_is_no_such_file_is_refused_whole(data: bytes, says: str) -> None:
    with pytest.raises(UnreadableFile, match=says):
        read_csv(data, "rights.csv", NOW)
