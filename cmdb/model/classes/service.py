"""What runs on machines, and what people call a service."""

from cmdb.model.classes.authority import MEASURED, STATED
from cmdb.model.declare import Attribute, CIClass, Key, KeyForm, Span, ValueType

_TEXT, _WHOLE = ValueType.TEXT, ValueType.WHOLE
_NATIVE = (Key("native key", KeyForm.NATIVE, sole=True, scoped=True),)

SERVICE = CIClass(
    name="Service",
    plural="Services",
    summary="A program that waits for connections, inside the machine it runs on",
    symbol="service",
    attributes=(
        Attribute(
            "name",
            _TEXT,
            "Process or protocol with its port",
            MEASURED,
            normal="name",
            searched=True,
            column=True,
        ),
        Attribute("protocol", _TEXT, "tcp or udp", MEASURED),
        Attribute("port", _WHOLE, "Port", MEASURED, normal="number", span=Span(0, 65_535)),
        Attribute("address", _TEXT, "Address it is bound to", MEASURED),
        Attribute("process", _TEXT, "Process", MEASURED, searched=True),
        Attribute("executable", _TEXT, "Path of the program", MEASURED),
        Attribute("package", _TEXT, "Package that brought the program", MEASURED, searched=True),
        Attribute("package_version", _TEXT, "Version of that package", MEASURED),
        Attribute("user", _TEXT, "Account it runs as", MEASURED),
        Attribute("banner", _TEXT, "What it says to who connects", MEASURED),
        Attribute("tls_subject", _TEXT, "Subject of its certificate", MEASURED, searched=True),
        Attribute("tls_certificate_sha256", _TEXT, "SHA-256 of its certificate", MEASURED),
        Attribute(
            "tls_not_after", ValueType.INSTANT, "End of its certificate", MEASURED, normal="instant"
        ),
    ),
)

_DECLARED = (
    Attribute(
        "name", _TEXT, "What people call it", STATED, normal="name", searched=True, column=True
    ),
    Attribute("description", _TEXT, "What it is for", STATED, normal="words", searched=True),
    Attribute(
        "owner", _TEXT, "Who answers for it", STATED, normal="words", searched=True, column=True
    ),
    Attribute("environment", _TEXT, "production, test ...", STATED, normal="words", column=True),
)

BUSINESS_SERVICE = CIClass(
    name="BusinessService",
    plural="Business services",
    summary="What the organisation offers or needs, named by people",
    symbol="business",
    attributes=(
        *_DECLARED,
        Attribute("criticality", _TEXT, "How much depends on it", STATED, normal="words"),
    ),
    keys=_NATIVE,
)
GROUP = CIClass(
    name="Group",
    plural="Groups",
    summary="Members that stand in for each other; up while at least min_up of them are",
    symbol="group",
    attributes=(
        *_DECLARED,
        Attribute("min_up", _TEXT, "Members that must be up: a count (2) or a share (50%)", STATED),
    ),
    keys=_NATIVE,
)

APPLICATION = CIClass(
    name="Application",
    plural="Applications",
    summary="A program that uses services and offers none, inside the machine it runs on",
    symbol="application",
    attributes=(
        Attribute("name", _TEXT, "Process", MEASURED, normal="name", searched=True, column=True),
        Attribute("process", _TEXT, "Process", MEASURED),
    ),
)

CLASSES = (SERVICE, APPLICATION, BUSINESS_SERVICE, GROUP)
