"""Operations over HTTP: a real server, a real desk, real tokens; only the operations are ours."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import pytest
from fastapi import FastAPI

from cmdb.model.observation import Json
from cmdb.people import ADMINISTRATOR, VIEWER, Directory, Identity
from cmdb.people.directory import TokenRequest
from cmdb.store.port import StoreUnavailable, UnknownAsset
from cmdb.store.sqlite.desk import SqliteDesk, open_desk
from collector.api import ApiServices, build_app
from collector.api_serve import (
    ApiAddress,
    ApiNeedsTls,
    ApiPortInUse,
    TlsFiles,
    is_loopback,
    serve_api,
)
from collector.operation import Context, NoParams, Operation

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True)
class ThingParams:
    ref: str
    words: tuple[str, ...] = ()
    after: str | None = None
    limit: int = 10

    def __post_init__(self) -> None:
        if self.limit > 100:
            raise ValueError("limit: at most 100")


@dataclass(frozen=True)
class Thing:
    name: str
    at: datetime
    detail: Json
    kept: timedelta
    revision: int
    cursor: str | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChangeParams:
    ref: str
    name: str
    tags: tuple[str, ...] = ()
    revision: int | None = None
    extra: dict[str, str] = field(default_factory=dict)
    dry_run: bool = False


@dataclass(frozen=True)
class FileParams:
    name: str
    file: BinaryIO


@dataclass(frozen=True)
class Taken:
    name: str
    size_bytes: int


class TooLate(Exception):
    """Somebody else was first."""


def _thing(_: Context, params: ThingParams) -> Thing:
    if params.ref == "nope":
        raise UnknownAsset("no asset is called 'nope'")
    if params.ref == "down":
        raise StoreUnavailable("the record is locked")
    if params.ref == "broken":
        raise RuntimeError("secret internals")
    cursor = "a b&c" if params.after is None else None
    detail: Json = {"words": list(params.words)}
    return Thing(params.ref, NOW, detail, timedelta(hours=1), 7, cursor, params.words)


def _change(context: Context, params: ChangeParams) -> Taken:
    if params.revision != 7:
        raise TooLate(f"the revision is 7, not {params.revision}")
    return Taken(f"{context.account}:{params.name}:{','.join(params.tags)}", 0)


def _upload(_: Context, params: FileParams) -> Taken:
    return Taken(params.name, len(params.file.read()))


def _lines(_: Context, __: NoParams) -> Iterator[Taken]:
    for number in range(1000):
        yield Taken(f"line\u2028{number}", number)


def _failing(_: Context, __: NoParams) -> Iterator[Taken]:
    yield from ()
    raise UnknownAsset("nothing to export")


OPERATIONS = (
    Operation("things.show", "GET", "/things/{ref}", "One", ThingParams, Thing, _thing, VIEWER),
    Operation(
        "things.change",
        "PUT",
        "/things/{ref}",
        "Change",
        ChangeParams,
        Taken,
        _change,
        ADMINISTRATOR,
    ),
    Operation(
        "files.import", "POST", "/import/{name}", "Take", FileParams, Taken, _upload, ADMINISTRATOR
    ),
    Operation("lines", "GET", "/lines", "All", NoParams, Taken, _lines, VIEWER, stream=True),
    Operation("failing", "GET", "/failing", "None", NoParams, Taken, _failing, VIEWER, stream=True),
)


@dataclass
class Api:
    url: str
    app: FastAPI
    directory: Directory
    desk: SqliteDesk
    token: str
    viewer: str

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {} if token == "" else {"authorization": f"Bearer {token or self.token}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=20)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    desk = open_desk(tmp_path / "desk.db")
    directory = Directory(desk, lambda: NOW, "stk_local")
    password = directory.ensure_first()
    assert password
    who = directory.by_session(directory.sign_in("admin", password, "127.0.0.1"))
    assert who
    viewer = directory.issue_token(who, TokenRequest("v", (VIEWER,), timedelta(days=1)))

    @contextmanager
    def context(who: Identity) -> Iterator[Any]:
        class Seen:
            account = who.account

        yield Seen()

    services = ApiServices(directory, context, ((TooLate, 412),))
    app = build_app(OPERATIONS, services)
    with serving(app) as port:
        yield Api(f"http://127.0.0.1:{port}", app, directory, desk, "stk_local", viewer)
    desk.close()


@contextmanager
def serving(app: Any, tls: TlsFiles | None = None) -> Iterator[int]:
    stop, ports = threading.Event(), list[int]()
    up = threading.Event()

    def ready(port: int) -> None:
        ports.append(port)
        up.set()

    address = ApiAddress("127.0.0.1", 0)
    thread = threading.Thread(target=serve_api, args=(app, address, tls, ready, stop), daemon=True)
    thread.start()
    assert up.wait(20)
    try:
        yield ports[0]
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    assert {"type", "title", "detail", "instance"} <= said.keys()
    return said


def test_an_answer_has_the_one_json_form_an_etag_and_a_next_page(api: Api) -> None:
    with api.client(api.viewer) as client:
        answer = client.get("/things/x", params={"words": ["a", "b"], "limit": 5})
        assert answer.json()["kept"] == 3600.0
        assert answer.json()["at"] == "2026-11-23T12:00:00Z"
        assert answer.json()["words"] == ["a", "b"]
        assert answer.headers["etag"] == '"7"'
        again = client.get("/things/x", headers={"if-none-match": '"6", "7"'})
        assert (again.status_code, again.content) == (304, b"")
        following = answer.links["next"]["url"]
        assert following.startswith("/api/v1/things/x?words=a&words=b&limit=5&after=a")
        last = client.get(f"{api.url}{following}")
        assert "link" not in last.headers
        assert last.json()["words"] == ["a", "b"]


def test_every_error_has_one_shape(api: Api) -> None:
    with api.client(api.viewer) as client:
        assert "nope" in problem(client.get("/things/nope"), 404)["detail"]
        problem(client.get("/things/down"), 503)
        problem(client.get("/nowhere"), 404)
        problem(client.post("/lines"), 405)
        broken = problem(client.get("/things/broken"), 500)
        assert "secret" not in json.dumps(broken)
        said = problem(client.get("/things/x?limit=many"), 422)
        assert said["errors"][0]["field"] == "query.limit"
        assert "100" in problem(client.get("/things/x?limit=101"), 422)["detail"]
        problem(client.put("/things/x", json={"name": "y"}), 403)
        problem(client.get("/failing"), 404)


@pytest.mark.parametrize(
    "header", ["", "Bearer wrong", "Bearer", "Basic YTpi", "Bearer stk_\u00e9"]
)
def test_nobody_gets_in_without_a_good_token(api: Api, header: str) -> None:
    headers = {b"authorization": header.encode()} if header else {}
    for path in ("/things/x", "/lines"):
        answer = httpx.get(f"{api.url}/api/v1{path}", headers=headers)
        problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_session_reads_and_writes_only_with_its_proof(api: Api) -> None:
    password = api.directory.reset_password("local", "admin")
    secret = api.directory.sign_in("admin", password, "127.0.0.1")
    who = api.directory.by_session(secret)
    assert who
    with httpx.Client(base_url=f"{api.url}/api/v1", cookies={"stocktake": secret}) as client:
        assert client.get("/things/x").status_code == 200
        body = {"name": "y"}
        headers = {"if-match": '"7"'}
        problem(client.put("/things/x", json=body, headers=headers), 403)
        headers |= {"x-csrf-token": who.csrf}
        cross = {**headers, "sec-fetch-site": "cross-site"}
        problem(client.put("/things/x", json=body, headers=cross), 403)
        assert client.put("/things/x", json=body, headers=headers).json()["name"] == "admin:y:"


def test_a_write_takes_a_body_if_match_and_leaves_a_trace(api: Api) -> None:
    with api.client() as client:
        body = {"name": "y", "tags": ["a", "b"]}
        assert "7" in problem(client.put("/things/x", json=body), 412)["detail"]
        problem(client.put("/things/x", json=body, headers={"if-match": '"6"'}), 412)
        problem(client.put("/things/x", json=body, headers={"if-match": "six"}), 422)
        missing = problem(client.put("/things/x", json={"tags": []}), 422)
        assert missing["errors"][0]["field"].startswith("body")
        problem(client.put("/things/x", content=b"{not json"), 422)
        headers = {"if-match": '"7"'}
        tried = client.put("/things/x", json={**body, "dry_run": True}, headers=headers)
        assert tried.status_code == 200
        done = client.put("/things/x", json=body, headers=headers)
        assert done.json() == {"name": "local:y:a,b", "size_bytes": 0}
    entries = [row.entry for row in api.desk.audited(5) if row.entry.action == "things.change"]
    assert [(entry.account, entry.target) for entry in entries] == [("local", "/api/v1/things/x")]
    assert entries[0].detail == {"ref": "x", "name": "y", "tags": "a, b", "revision": "7"}


def test_files_travel_raw_and_large(api: Api) -> None:
    with api.client() as client:
        answer = client.post("/import/estate", content=b"x" * (5 << 20))
        assert answer.json() == {"name": "estate", "size_bytes": 5 << 20}
        body = json.dumps({"name": "y" * (2 << 20)}).encode()
        problem(client.put("/things/x", content=body), 413)


def test_streams_are_json_lines(api: Api) -> None:
    with api.client(api.viewer) as client, client.stream("GET", "/lines") as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = answer.read().decode().split("\n")
    assert len(lines) == 1001
    assert json.loads(lines[999]) == {"name": "line\u2028999", "size_bytes": 999}


def test_the_reference_describes_every_operation(api: Api) -> None:
    described = httpx.get(f"{api.url}/api/v1/openapi.json").json()
    found = {
        each["operationId"]: each for path in described["paths"].values() for each in path.values()
    }
    assert set(found) == {operation.name for operation in OPERATIONS}
    shown = found["things.show"]
    assert {each["name"] for each in shown["parameters"]} == {"ref", "words", "after", "limit"}
    schema = described["components"]["schemas"]["Thing"]
    assert schema["properties"]["at"] == {"type": "string", "format": "date-time"}
    assert schema["properties"]["detail"] == {}
    assert schema["properties"]["words"] == {"type": "array", "items": {"type": "string"}}
    assert shown["x-role"] == VIEWER
    references = json.dumps(described).split('"$ref": "#/components/schemas/')[1:]
    named = {each.split('"')[0] for each in references}
    assert "Problem" in named
    assert named <= described["components"]["schemas"].keys()


def test_the_real_operations_make_an_app(tmp_path: Path) -> None:
    from collector.operations import OPERATIONS as REAL

    desk = open_desk(tmp_path / "desk.db")
    app = build_app(REAL, ApiServices(Directory(desk, lambda: NOW), lambda _: None))  # type: ignore[arg-type,return-value]
    described = app.openapi()
    assert len(REAL) > 10
    found = {each["operationId"] for path in described["paths"].values() for each in path.values()}
    assert found == {operation.name for operation in REAL}
    desk.close()


def test_a_wrong_declaration_fails_at_once(api: Api) -> None:
    def made(*operations: Operation) -> None:
        build_app(operations, ApiServices(api.directory, lambda _: None))  # type: ignore[arg-type,return-value]

    with pytest.raises(TypeError, match="nothing"):
        made(Operation("a", "GET", "/a/{nothing}", "", NoParams, Taken, _lines, VIEWER))
    twice = Operation("a", "GET", "/a", "", NoParams, Taken, _lines, VIEWER)
    with pytest.raises(TypeError, match="one name"):
        made(twice, twice)


def test_a_port_in_use_is_one_clear_sentence(api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = ApiAddress("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(ApiPortInUse, match="choose another"):
            serve_api(api.app, address, None, lambda _: None, threading.Event())


def test_beyond_loopback_there_is_no_plain_http(api: Api) -> None:
    assert [is_loopback(host) for host in ("127.0.0.9", "::1", "localhost")] == [True] * 3
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "a.example", "192.0.2.1")] == [
        False
    ] * 4
    with pytest.raises(ApiNeedsTls):
        serve_api(api.app, ApiAddress("0.0.0.0", 0), None, lambda _: None, threading.Event())


def test_https_with_our_own_certificate(api: Api, tmp_path: Path) -> None:
    import ssl

    files = _certificate(tmp_path)
    with serving(api.app, files) as port:
        trust = ssl.create_default_context(cafile=str(files.certificate))
        answer = httpx.get(f"https://localhost:{port}/api/v1/openapi.json", verify=trust)
        assert answer.status_code == 200
        assert "max-age" in answer.headers["strict-transport-security"]


def _certificate(folder: Path) -> TlsFiles:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = TlsFiles(folder / "cert.pem", folder / "key.pem")
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files
