"""The kinds of arrows, and which way failure travels along each."""

from cmdb.model.declare import Impact, RelationType

RELATIONS = (
    RelationType("runs_on", "runs", "A service and the machine it runs on", Impact.ON_SOURCE),
    RelationType("depends_on", "serves", "One that needs another to work", Impact.ON_SOURCE),
    RelationType("hosted_on", "hosts", "A guest or container and its host", Impact.ON_SOURCE),
    RelationType(
        "part_of", "contains", "A blade, module or stack member and what holds it", Impact.ON_SOURCE
    ),
    RelationType("member_of", "members", "A member and its redundant group", Impact.MEMBER),
    RelationType(
        "connected_to", "connects", "A device and the switch it hangs on", Impact.ON_SOURCE
    ),
    RelationType(
        "related_to", "related_to", "Two that belong together; failure does not travel", Impact.NONE
    ),
)
