"""JSON Schema of results, as cmdb.query.encode writes them, for the OpenAPI reference."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

Schema = dict[str, Any]

_PLAIN: Mapping[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    timedelta: {"type": "number", "description": "seconds"},
    bytes: {"type": "string", "description": "hexadecimal"},
}
_LISTS = (list, tuple, set, frozenset, Sequence, Iterator)


class Schemas:
    """Collects a definition for each dataclass that is met."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}

    def of(self, kind: object) -> Schema:
        """The schema of a type; {} where anything goes."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return self._object(kind)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return {"enum": [member.value for member in kind]}
        return self._generic(kind)

    def problem(self) -> Schema:
        """The schema of every error (RFC 9457)."""
        text = {"type": "string"}
        field = {"type": "object", "properties": {"field": text, "message": text}}
        self.definitions["Problem"] = {
            "type": "object",
            "required": ["type", "title", "status", "detail", "instance"],
            "properties": {
                "type": text,
                "title": text,
                "status": {"type": "integer"},
                "detail": text,
                "instance": text,
                "errors": {"type": "array", "items": field},
            },
        }
        return {"$ref": "#/components/schemas/Problem"}

    def _generic(self, kind: object) -> Schema:
        origin, args = get_origin(kind), get_args(kind)
        if origin in {Union, types.UnionType}:
            # Json, which holds itself by name, is whatever JSON can say.
            if any(isinstance(arg, str) or get_origin(arg) in {list, dict} for arg in args):
                return {}
            return {"anyOf": [self.of(arg) for arg in args]}
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(args[1])}
        if origin in _LISTS and args:
            return {"type": "array", "items": self.of(args[0])}
        if hasattr(kind, "__supertype__"):
            return self.of(kind.__supertype__)
        return {}

    def _object(self, kind: type) -> Schema:
        name = kind.__name__
        if name not in self.definitions:
            self.definitions[name] = {}  # Met while it is being made: a type that holds itself.
            hints = get_type_hints(kind)
            names = [field.name for field in dataclasses.fields(kind)]
            self.definitions[name] = {
                "type": "object",
                "required": names,
                "properties": {each: self.of(hints[each]) for each in names},
            }
        return {"$ref": f"#/components/schemas/{name}"}
