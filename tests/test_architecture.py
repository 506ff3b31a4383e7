"""What holds for the tree as a whole and no single folder's tests can see."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agent", "collector", "reconcile", "licenses", "cmdb")
SHIPPED = (*PACKAGES, "stocktake")
MOST_LINES, MOST_FUNCTION_LINES = 400, 60

LONG_MODULES: dict[str, str] = {}
"""Modules that may be longer, and why; a line here is a debt."""


def _sources() -> list[Path]:
    every = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(every) > 100
    return every


def _kept() -> list[Path]:
    """Every file that is kept in the tree or will be."""
    said = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if said.returncode:
        pytest.skip(f"no list of kept files: {said.stderr.strip()}")
    paths = [ROOT / line for line in said.stdout.splitlines()]
    return [path for path in paths if path.is_file()]


def _texts() -> Iterator[tuple[Path, str]]:
    for path in _kept():
        if path.suffix in {".binpb", ".png", ".svg", ".woff2", ".ico"}:
            continue
        try:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            pytest.fail(f"{path} is neither UTF-8 nor of a kind that is known not to be")


# --- names


def test_no_other_distribution_ships_our_import_names() -> None:
    ships = metadata.packages_distributions()
    for name in SHIPPED:
        others = set(ships.get(name, [])) - {"stocktake", "stocktake-raw"}
        assert not others, f"{others} ship {name}, too: the product needs an environment of its own"
        module = importlib.import_module(name)
        assert str(ROOT) in str(module.__path__), module


def test_proto_is_a_folder_and_no_package() -> None:
    """It would clash with proto-plus."""
    found = list((ROOT / "proto").rglob("__init__.py"))
    assert found == []


def test_every_package_says_what_it_is() -> None:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("__init__.py")):
            assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


# --- libraries that stay behind walls


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("scapy", ("agent/scan/raw/",)),
        ("pysnmp", ("agent/scan/snmp/",)),
        ("puresnmp", ("agent/scan/snmp/",)),
        ("neo4j", ("cmdb/store/", "collector/journal/")),
        ("nats", ("collector/journal/",)),
        ("sqlite3", ("cmdb/store/", "collector/journal/")),
        ("grpc", ("agent/uplink/", "agent/report/", "collector/")),
        ("google", ("agent/", "collector/")),
        (
            "asyncio",
            ("agent/scan/", "collector/journal/jetstream.py", "cmdb/web/", "collector/api"),
        ),
        (
            "fastapi",
            (
                "cmdb/web/",
                "collector/api",
                "licenses/web.py",
                "reconcile/web.py",
                "reconcile/rules/web.py",
            ),
        ),
        ("typer", ("collector/cli/", "collector/reference.py")),
        ("networkx", ("cmdb/impact/",)),
    ],
)
def test_a_library_stays_where_it_belongs(library: str, allowed: tuple[str, ...]) -> None:
    strays = [
        str(path.relative_to(ROOT))
        for path in _sources()
        if library in _imports(path) and not str(path.relative_to(ROOT)).startswith(allowed)
    ]
    assert strays == []


def _imports(path: Path) -> set[str]:
    """Top names of all that a module imports when it runs."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_the_wall_test_sees_imports() -> None:
    assert "grpc" in _imports(ROOT / "collector" / "intake.py")
    assert "sqlite3" in _imports(ROOT / "cmdb" / "store" / "sqlite" / "record.py")


def test_the_arrows_between_the_folders_are_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    assert set(settings["root_packages"]) == set(PACKAGES)
    assert len(settings["contracts"]) >= 6
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(r"^check:.*\bimports\b", makefile, re.MULTILINE)
    assert re.search(r"^\s.*lint-imports", makefile, re.MULTILINE)


def test_base_dependencies_are_those_of_the_agent() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    base = {re.split(r"[<>=!~ \[]", line)[0] for line in project["dependencies"]}
    assert base == {"cryptography", "grpcio", "protobuf", "psutil"}
    names = {"grpc", "google", "psutil", "cryptography", "stocktake", "agent"}
    standard = set(__import__("sys").stdlib_module_names)
    agent = [path for path in _sources() if path.is_relative_to(ROOT / "agent")]
    strays = {
        name: str(path.relative_to(ROOT))
        for path in agent if not path.is_relative_to(ROOT / "agent" / "scan" / "raw")
        for name in _imports(path) - names - standard - {"__future__"}
    }  # fmt: skip
    assert strays == {}


# --- sizes


def test_modules_are_of_one_idea() -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in [*_sources(), *sorted((ROOT / "tests").rglob("*.py"))]
    }
    long = {name: size for name, size in sizes.items() if size > MOST_LINES}
    assert set(long) <= set(LONG_MODULES), long


def test_functions_do_one_job() -> None:
    long = []
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - _first_line(node) + 1
                if lines > MOST_FUNCTION_LINES:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} {lines}")
    assert long == []


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The line of its first statement after the docstring: words do not count."""
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    return body[0].lineno


# --- what no file names


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    hosts = (
        "pypi" + ".org",
        "files.python" + "hosted",
        "registry.npm" + "js",
        "proxy.golang" + ".org",
    )
    machine = re.compile(r"(?<![\w.])/(?:work|root|home/[a-z]+)/(?!anaconda-ks)[\w./-]+")
    wrong = []
    for path, text in _texts():
        wrong += [f"{path}: {host}" for host in hosts if host in text]
        if path.suffix in {".py", ".toml", ".md", ".sh", ".yaml", ".yml", ""}:
            wrong += [f"{path}: {found}" for found in machine.findall(text)]
    assert wrong == []


def test_the_locked_requirements_carry_hashes_and_no_address() -> None:
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert len(files) == 3
    for path in files:
        text = path.read_text("utf-8")
        pins = re.findall(r"^\S+==\S+", text, re.MULTILINE)
        assert len(pins) > 3
        assert text.count("--hash=sha256:") >= len(pins)
        assert "http" not in text.replace("httpcore", "").replace("httpx", "").replace(
            "httptools", ""
        )
        assert "--index-url" not in text


# --- errors


def _errors() -> list[type[Exception]]:
    found: dict[str, type[Exception]] = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for info in pkgutil.walk_packages(module.__path__, f"{package}."):
            if ".scan.raw" in info.name or info.name.endswith("__main__"):
                continue
            for name, value in vars(importlib.import_module(info.name)).items():
                if _is_error(value) and not name.startswith("_"):
                    found[f"{value.__module__}.{value.__qualname__}"] = value
    return list(found.values())


def _is_error(value: object) -> bool:
    ours = getattr(value, "__module__", "") or ""
    is_error = inspect.isclass(value) and issubclass(value, Exception)
    return is_error and str(ours).partition(".")[0] in PACKAGES


def test_every_error_family_is_a_tree_that_its_root_draws() -> None:
    errors = _errors()
    assert len(errors) > 20
    undocumented = [
        f"{error.__module__}.{error.__name__} is not in the tree of {root.__name__}"
        for error in errors
        if (root := _root(error)) is not error
        and root.__module__ == error.__module__
        and error.__name__ not in (root.__doc__ or "")
        and error.__name__ not in (inspect.getmodule(root).__doc__ or "")
    ]
    assert undocumented == []


def test_every_error_says_what_it_means() -> None:
    assert [error.__qualname__ for error in _errors() if not error.__doc__] == []


def _root(error: type[Exception]) -> type[Exception]:
    """The topmost of its family."""
    ours = [kind for kind in error.__mro__ if kind.__module__.partition(".")[0] in PACKAGES]
    return ours[-1]


def test_every_operation_has_its_path_for_the_command_line() -> None:
    from collector.operations import OPERATIONS
    from collector.operations.paths import PATHS

    declared = {operation.name: (operation.method, operation.path) for operation in OPERATIONS}
    assert len(declared) == len(OPERATIONS) > 20
    assert declared == PATHS
