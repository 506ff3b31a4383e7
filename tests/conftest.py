"""In CI a skipped test is a failure, but for the few that cannot hold on every machine."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

ALLOWED = (
    "root may read everything",
    "only root can",
    "an ordinary user",
    "this machine lets nobody mount",
    "recorded",
    "lsblk sees no block device",
)
"""Parts of reasons: the account that runs the tests, and data that is not part of the project."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        reason = str(report.longrepr[-1]) if isinstance(report.longrepr, tuple) else ""
        if not any(part in reason for part in ALLOWED):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped in CI: {reason}"
    return report
