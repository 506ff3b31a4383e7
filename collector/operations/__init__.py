"""Every operation, in the order of the reference. To add one: its module, and a line below."""

from collector.operation import Context, NoParams, Operation
from collector.operations import assets, estate, exporting, importing, observers, people

OPERATIONS: tuple[Operation, ...] = (
    *assets.OPERATIONS,
    *observers.OPERATIONS,
    *importing.OPERATIONS,
    *exporting.OPERATIONS,
    *estate.OPERATIONS,
    *people.OPERATIONS,
)
BY_NAME: dict[str, Operation] = {operation.name: operation for operation in OPERATIONS}

__all__ = ["BY_NAME", "OPERATIONS", "Context", "NoParams", "Operation"]
