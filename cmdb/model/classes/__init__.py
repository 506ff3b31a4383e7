"""The classes and relations the product knows.

To add one, declare it in a file here and list its file below; nothing else changes.
"""

from cmdb.model.classes import hardware, rights, service
from cmdb.model.classes.relations import RELATIONS
from cmdb.model.declare import CIClass, RelationType

CLASSES: tuple[CIClass, ...] = (*hardware.CLASSES, *service.CLASSES, *rights.CLASSES)
CLASS_BY_NAME: dict[str, CIClass] = {declared.name: declared for declared in CLASSES}
RELATION_BY_NAME: dict[str, RelationType] = {declared.name: declared for declared in RELATIONS}
WHOLE_CLASSES: tuple[CIClass, ...] = tuple(each for each in CLASSES if each.all_keys())
"""Those of things by themselves. The others have no keys: they lie inside a machine."""

__all__ = ["CLASSES", "CLASS_BY_NAME", "RELATIONS", "RELATION_BY_NAME", "WHOLE_CLASSES"]
