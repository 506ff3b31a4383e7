"""Enrolment end to end: tokens, pinning, certificates, renewal, revocation; and keys at rest."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from agent.errors import NotAllowed, UsageError
from agent.uplink.client import RequestRefused, enrol_at
from agent.uplink.enrol import enrol, renew
from agent.uplink.identity import Identity, load
from agent.uplink.token import parse_token, pinned_root
from collector.enrolment.authority import Authority, Subject, requested_key
from collector.enrolment.errors import AuthorityBroken
from collector.enrolment.errors import RequestRefused as CsrRefused
from collector.enrolment.service import Tempo
from collector.enrolment.tokens import Grants
from stocktake.v1.enrolment_pb2 import EnrolRequest
from stocktake.v1.intake_pb2 import Item, ReportRequest
from stocktake.v1.observation_pb2 import Observation

Running = Any
NOW = datetime.now(UTC)


def certificate(identity: Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.certificate_pem.encode())


def test_a_certificate_names_the_observer_and_its_grants(collector: Running) -> None:
    grants = Grants(frozenset({"agent", "scan"}), "site/1 ü", ("10.0.0.0/8",))
    identity, _ = collector.enrolled("a", grants)
    names = certificate(identity).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == [
        f"urn:stocktake:observer:{identity.observer_id}",
        "urn:stocktake:kind:agent",
        "urn:stocktake:kind:scan",
        "urn:stocktake:scope:site%2F1%20%C3%BC",
        f"urn:stocktake:prefix:{identity.observer_id}",
    ]
    assert identity.observer_id.startswith("obs-")
    assert len(identity.observer_id) == 14
    assert identity.scope == "site/1 ü"
    assert timedelta(days=29) < identity.not_after - NOW < timedelta(days=31)
    observer = collector.serving.desk.registry.get(identity.observer_id)
    assert observer.certificate_sha256 == certificate(identity).fingerprint(hashes.SHA256()).hex()
    assert observer.scan_prefixes == ("10.0.0.0/8",)


def test_identity_and_authority_are_for_their_owner_alone(collector: Running) -> None:
    collector.enrolled("a")
    agent, authority = collector.folder / "a", collector.home.authority_dir
    modes = {
        path.name: path.stat().st_mode & 0o777
        for path in (agent, agent / "identity.json", authority, authority / "root.key")
    }
    assert modes == {"a": 0o700, "identity.json": 0o600, "authority": 0o700, "root.key": 0o600}


def test_a_wrong_token_is_refused(collector: Running) -> None:
    words = _words(collector.token())
    wrong = _text({**words, "s": "guess"})
    with pytest.raises(NotAllowed, match="knows no such token"):
        enrol(collector.folder / "a", wrong)
    assert collector.serving.desk.list_observers() == ()


def test_an_expired_token_is_refused_with_its_time(collector: Running) -> None:
    token = collector.token()
    collector.clock.offset = timedelta(hours=2)
    with pytest.raises(NotAllowed, match=r"the token expired at .*; ask for another"):
        enrol(collector.folder / "a", token)


def test_a_token_is_used_as_often_as_it_may(collector: Running) -> None:
    token = collector.token(max_uses=2)
    enrol(collector.folder / "a", token)
    enrol(collector.folder / "b", token)
    with pytest.raises(NotAllowed, match="was used 2 times"):
        enrol(collector.folder / "c", token)


def test_a_revoked_token_is_refused(collector: Running) -> None:
    token = collector.token()
    collector.serving.desk.revoke_token(collector.serving.desk.list_tokens()[0].id)
    with pytest.raises(NotAllowed, match="was revoked"):
        enrol(collector.folder / "a", token)


def test_a_lost_answer_does_not_use_the_token_up(collector: Running) -> None:
    token = parse_token(collector.token())
    from agent.uplink import identity as identities

    request = EnrolRequest(
        token_secret=token.secret,
        certificate_request=identities.certificate_request(identities.new_key_pem()),
    )
    root = pinned_root(token.addresses[0], token.fingerprint, 5)
    first = enrol_at(token.addresses[0], root, request)
    again = enrol_at(token.addresses[0], root, request)
    assert first.observer_id == again.observer_id
    assert collector.serving.desk.list_tokens()[0].uses == 1


def test_the_same_machine_enrolled_anew_is_another_observer(collector: Running) -> None:
    first, _ = collector.enrolled("a")
    second, _ = collector.enrolled("a")
    assert first.observer_id != second.observer_id
    assert load(collector.folder / "a") == second


def test_a_stranger_in_between_is_refused(
    collector: Running, start: Callable[..., Any], tmp_path: Path
) -> None:
    """Another authority at the token's address: its fingerprint does not fit."""
    with start(tmp_path / "stranger") as stranger:
        words = _words(collector.token())
        address = f"127.0.0.1:{stranger.serving.enrol_port}"
        with pytest.raises(NotAllowed, match="does not show the authority that the token names"):
            enrol(collector.folder / "a", _text({**words, "a": [address]}))
        # And one that shows the right root without having its key fails the handshake.
        true_root = collector.serving.desk.authority.root_pem
        request = EnrolRequest(token_secret="x")
        with pytest.raises(Exception, match=r"(?i)handshake|certificate|ssl"):
            enrol_at(address, true_root, request)
        assert stranger.serving.desk.list_observers() == ()


@pytest.mark.parametrize("place", [0, 20, 63])
def test_an_altered_fingerprint_is_refused(collector: Running, place: int) -> None:
    words = _words(collector.token())
    old = words["f"][place]
    words["f"] = words["f"][:place] + ("0" if old != "0" else "1") + words["f"][place + 1 :]
    with pytest.raises(NotAllowed, match="does not show the authority"):
        enrol(collector.folder / "a", _text(words))


@pytest.mark.parametrize(
    "text",
    ["", "hello", "stk1.", "stk1.!!!", "stk1.eyJ9", "stk1." + "A" * 5000, "stk2.e30"],
)
def test_what_is_no_token_is_told(text: str) -> None:
    with pytest.raises(UsageError, match=r"no token|damaged"):
        parse_token(text)


def test_renewal_gives_another_certificate_to_the_same_observer(collector: Running) -> None:
    identity, client = collector.enrolled("a")
    renewed = renew(collector.folder / "a", identity, client)
    assert renewed.observer_id == identity.observer_id
    assert renewed.key_pem != identity.key_pem
    assert certificate(renewed).serial_number != certificate(identity).serial_number
    assert load(collector.folder / "a") == renewed
    from agent.uplink.client import Client

    with Client(renewed) as fresh:
        item = Item(observation=Observation())
        answer = fresh.report(ReportRequest(batch_id="batch-0000000001", items=[item]))
    assert answer.journal_sequence == 1


def test_a_request_that_is_not_in_order_is_refused(collector: Running) -> None:
    token = parse_token(collector.token())
    root = pinned_root(token.addresses[0], token.fingerprint, 5)
    for der, sentence in ((b"junk", "not PKCS"), (b"x" * 9000, "larger than"), (_rsa(), "P-256")):
        request = EnrolRequest(token_secret=token.secret, certificate_request=der)
        with pytest.raises(RequestRefused, match=sentence):
            enrol_at(token.addresses[0], root, request)
    assert collector.serving.desk.list_tokens()[0].uses == 0


def test_renewal_is_not_served_without_a_certificate(collector: Running) -> None:
    token = parse_token(collector.token())
    root = pinned_root(token.addresses[0], token.fingerprint, 5)
    options = [("grpc.ssl_target_name_override", "collector.stocktake.internal")]
    credentials = grpc.ssl_channel_credentials(root)
    with grpc.secure_channel(token.addresses[0], credentials, options) as channel:
        for method in ("EnrolmentService/Renew", "IntakeService/Report"):
            with pytest.raises(grpc.RpcError) as caught:
                ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                    f"/stocktake.v1.{method}"
                )
                ask(b"", timeout=5)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_observers_and_tokens_survive_a_restart(start: Callable[..., Any], tmp_path: Path) -> None:
    with start(tmp_path) as first:
        identity, _ = first.enrolled("a")
        first.serving.desk.revoke_observer(identity.observer_id)
        observers, tokens = (
            first.serving.desk.list_observers(),
            first.serving.desk.list_tokens(),
        )
        fingerprint = first.serving.desk.authority.fingerprint
    with start(tmp_path) as second:
        assert second.serving.desk.list_observers() == observers
        assert second.serving.desk.list_tokens() == tokens
        assert second.serving.desk.authority.fingerprint == fingerprint
        assert observers[0].revoked_at is not None


def test_the_servers_certificate_is_renewed_when_due_and_when_names_change(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    first = authority.server_pair(("example.test",), NOW)
    assert authority.server_pair((), NOW + timedelta(days=10)) == first
    assert authority.server_pair((), NOW + timedelta(days=65)) != first
    named = authority.server_pair(("192.0.2.7",), NOW)
    chain = x509.load_pem_x509_certificates(named.chain_pem)
    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "192.0.2.7" in {str(n) for n in names.get_values_for_type(x509.IPAddress)}
    assert chain[1].fingerprint(hashes.SHA256()).hex() == authority.fingerprint


def test_a_damaged_authority_is_told_and_not_replaced(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    (tmp_path / "authority" / "root.pem").write_bytes(b"junk")
    with pytest.raises(AuthorityBroken, match="restore it from a backup"):
        Authority.open(tmp_path / "authority")
    assert (tmp_path / "authority" / "root.pem").read_bytes() == b"junk"
    assert authority.fingerprint


def test_a_request_signed_by_another_key_is_refused() -> None:
    from agent.uplink.identity import certificate_request, new_key_pem

    der = bytearray(certificate_request(new_key_pem()))
    der[-1] ^= 1
    with pytest.raises(CsrRefused, match=r"not signed by its own key|not PKCS"):
        requested_key(bytes(der))


def test_certificates_end_with_the_root(tmp_path: Path) -> None:
    from agent.uplink.identity import certificate_request, new_key_pem

    authority = Authority.open(tmp_path / "authority")
    subject = Subject("obs-x", frozenset({"agent"}), "s", "obs-x")
    late = NOW + timedelta(days=3645)
    issued = authority.issue(certificate_request(new_key_pem()), subject, late)
    root = x509.load_pem_x509_certificate(authority.root_pem)
    assert issued.not_after == root.not_valid_after_utc


def test_enrolments_are_held_to_a_tempo() -> None:
    now = [0.0]
    tempo = Tempo(2.0, 3.0, lambda: now[0])
    assert [tempo.allows() for _ in range(4)] == [True, True, True, False]
    now[0] = 0.5
    assert [tempo.allows(), tempo.allows()] == [True, False]


def _words(token: str) -> dict[str, Any]:
    body = token.removeprefix("stk1.")
    words: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return words


def _text(words: dict[str, Any]) -> str:
    return "stk1." + base64.urlsafe_b64encode(json.dumps(words).encode()).decode().rstrip("=")


def _rsa() -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)
