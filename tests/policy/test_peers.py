import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.policy.peers import Endpoint, Peers


@pytest.mark.parametrize(
    "text", ["127.0.0.1:10025", "[::1]:25", "mail.example:25", "unix:/run/x.sock", "localhost:0"]
)
def test_an_endpoint_is_written_as_it_was_read(text: str) -> None:
    assert str(Endpoint.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "25", ":25", "::1:25", "host:", "host:99999", "host:-1", "[zz]:25", "unix:", "host:２"],
)
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(ValueError):
        Endpoint.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_an_endpoint_or_a_value_error(text: str) -> None:
    try:
        endpoint = Endpoint.parse(text)
    except ValueError:
        return
    assert endpoint.path or 0 <= endpoint.port <= 65535


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True), ("127.9.9.9:1", True), ("[::1]:1", True), ("localhost:1", True),
        ("unix:/x", True), ("0.0.0.0:1", False), ("*:1", False), ("10.0.0.1:1", False),
        ("[::]:1", False), ("mail.example:1", False),
    ],
)  # fmt: skip
def test_who_is_reached_from_elsewhere(text: str, loopback: bool) -> None:
    assert Endpoint.parse(text).loopback is loopback


def test_peers_hold_networks_and_the_clients_of_sockets() -> None:
    peers = Peers.parse(["10.1.0.0/16", "::1", "unix"])
    assert "10.1.2.3" in peers
    assert "::ffff:10.1.2.3" in peers, "IPv4-mapped IPv6"
    assert "::1%lo" in peers
    assert "" in peers
    assert "10.2.0.1" not in peers
    assert "nonsense" not in peers
    assert "" not in Peers.parse(["10.0.0.0/8"])
    assert peers.written() == ["10.1.0.0/16", "::1/128", "unix"]
    assert not Peers()


def test_peers_overlap() -> None:
    assert Peers.parse(["10.0.0.0/8"]).overlaps(Peers.parse(["10.1.0.0/16"]))
    assert not Peers.parse(["10.0.0.0/8"]).overlaps(Peers.parse(["11.0.0.0/8", "::1"]))
    assert Peers.parse(["unix"]).overlaps(Peers.parse(["unix", "::1"]))


@pytest.mark.parametrize("word", ["10.0.0.1/8", "300.1.1.1", "host", ""])
def test_what_is_no_network(word: str) -> None:
    with pytest.raises(ValueError, match="is not a network"):
        Peers.parse([word])
