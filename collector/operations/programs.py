"""Programs: which machines have one, in which versions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cmdb.query.programs import ProgramHolders, VersionRange, program_holders
from collector.operation import Context, InputRefused, Operation


@dataclass(frozen=True)
class HoldersParams:
    """A program by its name, and which of its versions."""

    name: str
    older_than: str | None = None
    newer_than: str | None = None
    version: str | None = None
    """This version alone."""
    after: str | None = None
    limit: int = 50


def _holders(context: Context, params: HoldersParams) -> ProgramHolders:
    if not params.name.strip():
        raise InputRefused("name a program; `stocktake show ASSET --programs` lists some")
    for bound in (params.older_than, params.newer_than, params.version):
        if bound is not None and not bound.strip():
            raise InputRefused("a version to compare with is not empty")
    wanted = VersionRange(params.older_than, params.newer_than, params.version)
    view = context.record.view
    found = program_holders(view, params.name, wanted, params.after, params.limit)
    return replace(found, as_of=context.now)


OPERATIONS = (
    Operation(
        "programs.holders",
        "GET",
        "/programs",
        "Which machines have a program, older or newer than a version",
        HoldersParams,
        ProgramHolders,
        _holders,
        "viewer",
    ),
)
