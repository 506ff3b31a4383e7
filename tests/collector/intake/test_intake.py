"""The intake over real gRPC with mutual TLS: what it takes, what it refuses, in which words."""

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from agent.errors import CollectorUnreachable, NotAllowed
from agent.uplink.client import SERVER_NAME, Client, RequestRefused
from agent.uplink.identity import Identity
from collector.enrolment.tokens import Grants
from collector.home import HomeLocked
from collector.listen import Listen, PortInUse
from stocktake.v1.intake_pb2 import (
    ITEM_STATE_REFUSED,
    ITEM_STATE_RESEND_FULL,
    Coverage,
    Item,
    ReportRequest,
    ReportResponse,
    ReportStreamRequest,
    ReportStreamResponse,
    Run,
)
from stocktake.v1.observation_pb2 import (
    SECTION_STATE_CHANGED,
    SECTION_STATE_UNCHANGED,
    Computer,
    Observation,
    Programs,
    RecordRef,
    Relation,
    Relations,
    Section,
    Source,
)

PROBE = Grants(frozenset({"scan"}), "office", ("10.0.4.0/24", "fd00::/64"))
Running = Any


def seen(key: str = "", *sections: Section, **rest: Any) -> Item:
    return Item(observation=Observation(native_key=key, sections=sections, **rest))


def computer(name: str, digest: bytes = b"") -> Section:
    return Section(computer=Computer(name=name), content_hash=digest or None)


def report(*items: Item, name: str = "batch-000000000001") -> ReportRequest:
    return ReportRequest(batch_id=name, sequence=1, items=items)


def refusals(answer: ReportResponse) -> dict[int, str]:
    assert all(receipt.state == ITEM_STATE_REFUSED for receipt in answer.receipts)
    return {receipt.index: receipt.reason for receipt in answer.receipts}


def raw(identity: Identity, method: str, data: bytes) -> bytes:
    """A call with bytes of our own making."""
    credentials = grpc.ssl_channel_credentials(
        identity.authority_pem.encode(),
        identity.key_pem.encode(),
        identity.certificate_pem.encode(),
    )
    options = [
        ("grpc.ssl_target_name_override", SERVER_NAME),
        ("grpc.max_send_message_length", 64 << 20),
    ]
    with grpc.secure_channel(identity.collectors[0], credentials, options) as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            f"/stocktake.v1.IntakeService/{method}"
        )
        return bytes(ask(data, timeout=20))


def test_what_is_acknowledged_is_in_the_journal_with_its_source(collector: Running) -> None:
    identity, client = collector.enrolled()
    answer = client.report(report(seen("", computer("pc1")), seen(f"{identity.key_prefix}/db")))
    assert (answer.journal_sequence, answer.duplicate, len(answer.receipts)) == (2, False, 0)
    first, second = (item.observation for item in collector.items())
    assert first.source == Source(kind="agent", instance=identity.observer_id)
    assert (first.scope, first.native_key) == ("office", identity.observer_id)
    assert first.sections[0].computer.name == "pc1"
    assert second.native_key == f"{identity.observer_id}/db"
    assert {n.entry.origin for n in collector.entries()} == {f"observer/{identity.observer_id}"}


def test_a_batch_that_comes_twice_has_one_effect_and_one_answer(collector: Running) -> None:
    _, client = collector.enrolled()
    batch = report(seen(), seen("somebody-else"))
    first, again = client.report(batch), client.report(batch)
    assert again.duplicate
    assert (first.duplicate, first.journal_sequence) == (False, again.journal_sequence)
    assert list(first.receipts) == list(again.receipts)
    assert len(first.receipts) == 1
    assert len(collector.entries()) == 1


def test_an_agent_speaks_only_for_itself_and_what_lies_beneath(collector: Running) -> None:
    identity, client = collector.enrolled("a")
    other, _ = collector.enrolled("b")
    own = identity.key_prefix
    answer = client.report(
        report(
            seen(own + "x"),
            seen(other.key_prefix),
            seen("", source=Source(kind="agent", instance=other.observer_id)),
            seen("", source=Source(kind="scan")),
            seen("", scope="elsewhere"),
            seen(own + "/container-1"),
            Item(),
        )
    )
    reasons = refusals(answer)
    assert set(reasons) == {0, 1, 2, 3, 4, 6}
    assert f"may not speak for {other.key_prefix}" in reasons[1]
    assert "may not speak for instance" in reasons[2]
    assert "may not speak as scan; it may as agent" in reasons[3]
    assert "may not speak in scope elsewhere" in reasons[4]
    assert "neither" in reasons[6]
    assert [item.observation.native_key for item in collector.items()] == [own + "/container-1"]


def test_a_probe_speaks_only_for_its_prefixes(collector: Running) -> None:
    _, client = collector.enrolled("p", PROBE)
    answer = client.report(
        report(
            seen("10.0.4.7"),
            seen("fd00:0::0001"),
            seen("10.0.5.7"),
            seen("printer"),
            Item(run=Run(run_id="r1", covers=Coverage(prefixes=["10.0.4.0/25"]))),
            Item(run=Run(run_id="r2", covers=Coverage(prefixes=["10.0.0.0/16"]))),
            Item(run=Run(run_id="r3", covers=Coverage(all=True))),
        )
    )
    reasons = refusals(answer)
    assert set(reasons) == {2, 3, 5, 6}
    assert "may not scan 10.0.5.7; allowed: 10.0.4.0/24, fd00::/64" in reasons[2]
    assert [item.observation.native_key for item in collector.items()][:2] == [
        "10.0.4.7",
        "fd00::1",
    ]


def test_relations_and_parent_stay_with_their_own_source(collector: Running) -> None:
    identity, client = collector.enrolled()
    foreign = RecordRef(source=Source(kind="agent", instance="obs-other"), native_key="x")
    relation = Section(
        relations=Relations(
            relations=[Relation(type="depends_on", target=RecordRef(native_key="svc"))]
        )
    )
    answer = client.report(report(seen("", relation), seen("", parent=foreign)))
    assert set(refusals(answer)) == {1}
    target = collector.items()[0].observation.sections[0].relations.relations[0].target
    assert (target.source.instance, target.scope) == (identity.observer_id, "office")


def test_one_item_with_invalid_utf8_is_refused_alone(collector: Running) -> None:
    identity, _ = collector.enrolled()
    batch = report(
        seen("", computer("good-1")), seen("", computer("SPOILT")), seen("", computer("good-2"))
    )
    data = batch.SerializeToString().replace(b"SPOILT", b"SP\xff\xfeLT")
    answer = ReportResponse.FromString(raw(identity, "Report", data))
    assert "not UTF-8" in refusals(answer)[1]
    assert len(answer.receipts) == 1
    names = [item.observation.sections[0].computer.name for item in collector.items()]
    assert names == ["good-1", "good-2"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\xff\xff\xff\xff", "in the middle of a number|wire form"),
        (
            report(name="batch-00000SPOILT").SerializeToString().replace(b"SPOILT", b"\xff" * 6),
            "UTF",
        ),
        (report(name="short").SerializeToString(), "batch_id is not 16 to 64 bytes"),
        (report(name="BATCH-000000000001").SerializeToString(), "batch_id is not 16 to 64 bytes"),
        (report(*[Item()] * 1001).SerializeToString(), "1001 items; at most 1000"),
        (b"\x22" + b"\x80\x80\x80\x08" + bytes(16 << 20), "at most 16777216"),
        (b"\x22\x7f\x01", "in the middle of a field"),
    ],
)
def test_a_batch_out_of_bounds_is_refused_in_one_sentence(
    collector: Running, data: bytes, sentence: str
) -> None:
    identity, _ = collector.enrolled()
    with pytest.raises(grpc.RpcError, match=sentence) as caught:
        raw(identity, "Report", data)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert collector.entries() == []


def _programs(count: int = 2, **changes: Any) -> Section:
    hashes = b"".join(n.to_bytes(8, "little") for n in range(count))
    parts = {"hashes": hashes, "entries": b"bash\t5\n" * count, "count": count, **changes}
    return Section(programs=Programs(package_system="deb", **parts))


def _changed(**fields: Any) -> Section:
    parts = {"base_hash": b"b" * 32, "content_hash": b"c" * 32, **fields}
    parts.setdefault("programs", _programs(whole_hash=b"w" * 8).programs)
    return Section(state=SECTION_STATE_CHANGED, **parts)


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        (computer("x" * 5000), "name is longer than 4096"),
        (computer("x", b"short"), "content_hash has 5 bytes"),
        (_programs(count=2, hashes=b"x" * 9), "do not fit"),
        (_programs(count=50_001), "do not fit"),
        (_programs(entries=b"one\n"), "not 2 lines"),
        (_programs(entries=b"one\ntwo"), "not 2 lines"),
        (_programs(entries=b"a\x00\nb\n"), "control"),
        (_programs(entries=b"a\xff\nb\n"), "not UTF-8"),
        (_programs(entries=b"a" * 5000 + b"\nb\n"), "longer than 4096"),
        (_programs(hashes=bytes(16)), "ascend"),
        (Section(), "no body"),
        (Section(computer=Computer(), state=SECTION_STATE_UNCHANGED), "no content_hash"),
        (Section(computer=Computer(), state=SECTION_STATE_CHANGED), "only programs"),
        (_changed(base_hash=None), "no base_hash"),
        (_changed(base_hash=b"b"), "base_hash has 1 bytes"),
        (_changed(programs=_programs(whole_hash=b"").programs), "no whole_hash"),
        (_changed(programs=_programs(whole_hash=b"w").programs), "whole_hash has 1 bytes"),
        (_changed(programs=_programs(whole_hash=b"w" * 8, gone=b"g").programs), "no hashes"),
        (_changed(programs=_programs(whole_hash=b"w" * 8, gone=bytes(16)).programs), "ascend"),
        (_programs(installed_days=[1]), "one for each entry"),
    ],
)
def test_an_item_out_of_bounds_is_refused_with_its_reason(
    collector: Running, section: Section, reason: str
) -> None:
    _, client = collector.enrolled()
    reasons = refusals(client.report(report(seen("", section), seen("", _programs()))))
    assert set(reasons) == {0}
    assert reason in reasons[0]
    assert len(collector.entries()) == 1


def test_programs_of_several_systems_change_together_or_not_at_all(collector: Running) -> None:
    _, client = collector.enrolled()
    same = Section(
        programs=Programs(package_system="pip"),
        content_hash=b"h" * 32,
        state=SECTION_STATE_UNCHANGED,
    )
    reasons = refusals(client.report(report(seen("", _programs(), same))))
    assert "travel together" in reasons[0]


def test_control_characters_in_texts_are_replaced_and_in_keys_refused(collector: Running) -> None:
    identity, client = collector.enrolled()
    bad_key = seen(f"{identity.key_prefix}/a\x00b")
    answer = client.report(report(seen("", computer("pc\x00\x1b1\t")), bad_key))
    assert "control character" in refusals(answer)[1]
    name = collector.items()[0].observation.sections[0].computer.name
    assert name == "pc\ufffd\ufffd1\t"


def test_an_unchanged_section_that_is_not_held_is_asked_for_whole(collector: Running) -> None:
    _, client = collector.enrolled()
    digest = b"h" * 32
    same = Section(computer=Computer(), content_hash=digest, state=SECTION_STATE_UNCHANGED)
    answer = client.report(report(seen("nobody"), seen("", same), name="batch-000000000001"))
    assert [(r.index, r.state) for r in answer.receipts] == [
        (0, ITEM_STATE_REFUSED),
        (1, ITEM_STATE_RESEND_FULL),
    ]
    whole = report(seen("", computer("pc", digest)), name="batch-000000000002")
    assert not client.report(whole).receipts
    assert not client.report(report(seen("", same), name="batch-000000000003")).receipts
    assert len(collector.entries()) == 2


def test_a_revoked_observer_is_refused_from_the_next_call_on(collector: Running) -> None:
    identity, client = collector.enrolled()
    client.report(report(seen()))
    collector.serving.desk.revoke_observer(identity.observer_id)
    with pytest.raises(NotAllowed, match=r"was revoked at .*; enrol again with a new token"):
        client.report(report(seen(), name="batch-000000000002"))
    assert len(collector.entries()) == 1


def test_a_certificate_of_another_authority_does_not_get_in(
    collector: Running, start: Callable[..., Any], tmp_path: Path
) -> None:
    import dataclasses

    identity, _ = collector.enrolled()
    with start(tmp_path / "other") as other:
        stranger, _ = other.enrolled()
        mixed = dataclasses.replace(
            stranger, collectors=identity.collectors, authority_pem=identity.authority_pem
        )
        with Client(mixed, timeout_s=5) as client, pytest.raises(CollectorUnreachable):
            client.report(report(seen()))
        # And a collector of another authority is not believed.
        with (
            Client(
                dataclasses.replace(identity, collectors=stranger.collectors), timeout_s=5
            ) as client,
            pytest.raises(CollectorUnreachable),
        ):
            client.report(report(seen()))
        assert other.entries() == []
    assert collector.entries() == []


def test_nobody_without_a_certificate_reaches_the_intake(collector: Running) -> None:
    identity, _ = collector.enrolled()
    credentials = grpc.ssl_channel_credentials(identity.authority_pem.encode())
    options = [("grpc.ssl_target_name_override", SERVER_NAME)]
    with grpc.secure_channel(identity.collectors[0], credentials, options) as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/stocktake.v1.IntakeService/Report"
        )
        with pytest.raises(grpc.RpcError) as caught:
            ask(report(seen()).SerializeToString(), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert collector.entries() == []


def test_a_full_disk_is_told_and_nothing_is_lost(collector: Running) -> None:
    identity, client = collector.enrolled()
    big = report(*[seen("", computer(os.urandom(1900).hex())) for _ in range(900)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(grpc.RpcError, match="no room on the disk") as caught:
            raw(identity, "Report", big.SerializeToString())
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert collector.entries() == []
    assert not client.report(big).duplicate
    assert len(collector.entries()) == 900


def test_a_port_in_use_names_port_and_remedy(
    collector: Running, start: Callable[..., Any], tmp_path: Path
) -> None:
    port = collector.serving.port
    with (
        pytest.raises(PortInUse, match=f"port {port} on 127.0.0.1 is in use; stop what"),
        start(tmp_path / "second", Listen(port=port, enrol_port=0)),
    ):
        pass


def test_a_home_has_one_intake(
    collector: Running, start: Callable[..., Any], tmp_path: Path
) -> None:
    with (
        pytest.raises(HomeLocked, match=f"process {os.getpid()} already works as intake"),
        start(tmp_path),
    ):
        pass
    assert collector.home.holder("intake") == os.getpid()


def test_a_stream_answers_each_batch_and_survives_a_bad_one(collector: Running) -> None:
    identity, _ = collector.enrolled()
    credentials = grpc.ssl_channel_credentials(
        identity.authority_pem.encode(),
        identity.key_pem.encode(),
        identity.certificate_pem.encode(),
    )
    options = [("grpc.ssl_target_name_override", SERVER_NAME)]
    batches = [
        ReportStreamRequest(report=report(seen(), name="batch-000000000001")),
        ReportStreamRequest(report=report(seen(), name="bad")),
        ReportStreamRequest(report=report(seen(), name="batch-000000000002")),
    ]
    with grpc.secure_channel(identity.collectors[0], credentials, options) as channel:
        ask: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            "/stocktake.v1.IntakeService/ReportStream"
        )
        data = [batch.SerializeToString() for batch in batches]
        answers = [ReportStreamResponse.FromString(a) for a in ask(iter(data), timeout=20)]
    assert [a.report.journal_sequence for a in answers] == [1, 0, 2]
    assert "batch_id" in answers[1].error


def test_a_refused_batch_is_told_apart_from_an_unreachable_collector(collector: Running) -> None:
    _, client = collector.enrolled()
    with pytest.raises(RequestRefused, match="batch_id"):
        client.report(report(seen(), name="bad"))
