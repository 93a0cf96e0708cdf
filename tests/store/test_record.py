"""The layout of a record: what is written is read back, whatever the names are."""

from hypothesis import example, given
from hypothesis import strategies as st

from smtpguard.person import FirstContact, Person, Reason, Scope, Source, Suppression
from smtpguard.store import record

NAMES = st.text(max_size=20)
SECONDS = st.integers(0, 2**33)
SUPPRESSIONS = st.builds(
    Suppression,
    st.sampled_from(Reason),
    st.builds(Scope, NAMES, NAMES),
    SECONDS,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    st.booleans(),
)


@given(SUPPRESSIONS)
def test_a_suppression_is_read_as_it_was_written(one: Suppression) -> None:
    field = record.suppression_field(one.reason, one.scope, domain=one.domain)
    reply = [field, f"{one.at}:{one.channel}".encode()]
    assert record.read(reply, 0, 0).suppressions == (one,)
    assert field.isascii()
    assert field.count(b":") == 3


@given(NAMES, NAMES, NAMES)
def test_a_source_is_read_as_it_was_written(identity: str, name: str, origin: str) -> None:
    source = Source(identity, name, origin)
    assert record.read([b"o", record.source_value(source)], 0, 0).source == source


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_octets_of_any_kind_are_read_without_complaint(reply: list[bytes]) -> None:
    assert isinstance(record.read(reply, 0, 0), Person)
    assert isinstance(record.lifted(reply), tuple)


@given(st.sampled_from([b"c", b"r", b"o", b"k", b"s:objection::"]), st.binary(max_size=40))
@example(b"o", b"0")
def test_a_damaged_value_is_read_without_complaint(field: bytes, value: bytes) -> None:
    found = record.read([field, value], 0, 0)
    assert bool(found.suppressions) is field.startswith(b"s:")  # it still stands


@given(NAMES, st.from_regex(r"[0-9a-z]{1,7}", fullmatch=True))
def test_a_key_names_controller_and_reference(controller: str, key_id: str) -> None:
    key = record.record_key(controller, key_id, "ref_-1")
    assert record.read_record_key(key) == (controller, f"{key_id}.ref_-1")
    assert key.count(b"{") == key.count(b"}") == 1
    assert key != record.META


def test_other_keys_are_not_records() -> None:
    assert record.read_record_key(record.META) is None
    assert record.read_record_key(b"\xff") is None


def test_an_unknown_reason_still_stands() -> None:
    (one,) = record.read([b"s:boredom::", b"5:page"], 0, 0).suppressions
    assert one == Suppression(Reason.MANUAL, Scope(), 5, "page")


def test_a_reservation_counts_until_it_lapses() -> None:
    reply = [b"r", b"100 token 50 v1 of it"]
    assert record.read(reply, 99, 1000).contact == FirstContact(False, 50, "v1 of it")
    assert record.read(reply, 100, 1000).contact is None


def test_a_notice_counts_until_it_is_forgotten() -> None:
    reply = [b"c", b"50 v1", b"r", b"100 token 60 v2"]
    assert record.read(reply, 90, 41).contact == FirstContact(True, 50, "v1")
    assert record.read(reply, 90, 40).contact == FirstContact(False, 60, "v2")


@given(st.lists(SUPPRESSIONS, max_size=5), st.lists(SUPPRESSIONS, max_size=5))
def test_combining_keeps_every_wish_once_and_the_earliest(
    own: list[Suppression], wide: list[Suppression]
) -> None:
    found = record.combine([Person(tuple(own))], [Person(tuple(wide))]).suppressions
    wishes = {(one.reason, one.scope, one.domain) for one in [*own, *wide]}
    assert {(one.reason, one.scope, one.domain) for one in found} == wishes
    assert len(found) == len(wishes)
    for one in found:
        same = [
            other.at
            for other in [*own, *wide]
            if (other.reason, other.scope, other.domain) == (one.reason, one.scope, one.domain)
        ]
        assert one.at == min(same)


def test_only_wishes_reach_from_a_wider_name() -> None:
    wide = Person((), FirstContact(True, 1), Source("s", "S"), 1)
    assert record.combine([Person()], [wide]) == Person()
    assert record.combine([Person(), wide], []) == wide


def test_of_two_notices_the_accepted_one_counts() -> None:
    reserved, told = FirstContact(False, 9), FirstContact(True, 5)
    found = record.combine([Person(contact=reserved), Person(contact=told)], [])
    assert found.contact == told
