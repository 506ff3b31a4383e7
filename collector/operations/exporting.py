"""Export: the state of the estate in forms that scripts read."""

from __future__ import annotations

from collections.abc import Iterator

from cmdb.model.observation import Json
from collector.exports.estate import asset_lines, identity_lines
from collector.operation import Context, NoParams, Operation


def _identity(context: Context, _params: NoParams) -> Iterator[Json]:
    return identity_lines(context.record)


def _assets(context: Context, _params: NoParams) -> Iterator[Json]:
    return asset_lines(context.record)


OPERATIONS = (
    Operation(
        "export.identity",
        "GET",
        "/export/identity",
        "Which record is about which asset",
        NoParams,
        Iterator,
        _identity,
        "viewer",
        stream=True,
    ),
    Operation(
        "export.assets",
        "GET",
        "/export/assets",
        "Every asset with its values",
        NoParams,
        Iterator,
        _assets,
        "viewer",
        stream=True,
    ),
)
