from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.config import Config, load
from smtpguard.policy.peers import Endpoint
from smtpguard.policy.source import Problems, write

SAMPLE = Path(__file__).parents[1] / "config" / "smtpguard.yaml"


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "smtpguard.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(Problems) as raised:
        load(written(tmp_path, text))
    return [str(item).replace(str(tmp_path), "") for item in raised.value.items]


def test_the_sample_is_the_defaults() -> None:
    assert load(SAMPLE) == load(None)


def test_the_sample_leaves_nothing_out() -> None:
    said: dict[str, Any] = load(SAMPLE).model_dump(exclude_unset=True)
    for part, value in load(None).model_dump(exclude_none=True).items():
        if isinstance(value, dict):
            assert set(value) == set(said[part]), part
    assert set(load(None).model_dump()) == set(said)
    smtp, lmtp = load(None).model_dump(exclude_none=True)["listeners"]
    assert set(smtp) - {"default"} == set(said["listeners"][0])
    assert set(said["listeners"][1]) < set(lmtp)


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == load(None)


def test_keys_and_journal_live_in_the_state_directory(tmp_path: Path) -> None:
    config = load(written(tmp_path, "state: var\njournal: {keep: 3}\n"))
    assert config.state == tmp_path / "var"
    assert config.keys.directory == tmp_path / "var" / "keys"
    assert config.journal.path == tmp_path / "var" / "journal" / "decisions.jsonl"
    assert config.journal.keep == 3


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    text = (
        "policies: p\nkeys: {directory: k}\nupstream: {address: 'unix:up.sock', ca: ca.pem}\n"
        "listeners: [{name: a, listen: 'unix:in.sock', tls: {certificate: c, key: /k}}]\n"
    )
    config = load(written(tmp_path, text))
    assert config.policies == tmp_path / "p"
    assert config.keys.directory == tmp_path / "k"
    assert config.upstream.address == Endpoint(path=str(tmp_path / "up.sock"))
    assert config.upstream.ca == tmp_path / "ca.pem"
    (listener,) = config.listeners
    assert listener.listen.path == str(tmp_path / "in.sock")
    assert listener.tls
    assert (listener.tls.certificate, listener.tls.key) == (tmp_path / "c", Path("/k"))


def test_a_listener_s_deadline_and_clients_follow_its_kind(tmp_path: Path) -> None:
    text = (
        "listeners:\n- {name: a, listen: '127.0.0.1:1'}\n"
        "- {name: b, listen: 'unix:/s', protocol: lmtp}\n"
        "- {name: c, listen: '[::1]:2', protocol: lmtp, deadline: 30s, default: news}\n"
    )
    a, b, c = load(written(tmp_path, text)).listeners
    assert (a.deadline, b.deadline, c.deadline) == (90, 540, 30)
    assert "127.0.0.1" in a.relay_from
    assert "10.0.0.1" not in a.relay_from
    assert "" in b.relay_from
    config = load(written(tmp_path, text))
    assert config.protocols == {"a": "smtp", "b": "lmtp", "c": "lmtp"}
    assert config.defaults == {"c": "news"}


@pytest.mark.parametrize(
    ("listener", "said"),
    [
        ("listen: '0.0.0.0:25'", "0.0.0.0:25 can be reached from elsewhere: say who may send"),
        ("listen: '[::]:25'", "can be reached from elsewhere"),
        ("listen: '*:25'", "can be reached from elsewhere"),
        ("listen: 'mail.example:25'", "can be reached from elsewhere"),
        ("listen: '0.0.0.0:24', protocol: lmtp", "can be reached from elsewhere"),
        ("listen: '0.0.0.0:25', relay_from: [0.0.0.0/0]", "this would be an open relay"),
        ("listen: '[::]:25', relay_from: ['::/0']", "this would be an open relay"),
        ("listen: '0.0.0.0:25', relay_from: [0.0.0.0/1, 128.0.0.0/1]", "would be an open relay"),
        ("listen: '0.0.0.0:25', relay_from: []", "nobody could send"),
    ],
)
def test_an_open_relay_is_refused(tmp_path: Path, listener: str, said: str) -> None:
    (problem,) = problems(tmp_path, f"listeners:\n- {{name: a, {listener}}}\n")
    assert problem.startswith("/smtpguard.yaml:2:3: listeners.0: ")
    assert said in problem


def test_a_listener_that_says_who_may_send_is_taken(tmp_path: Path) -> None:
    text = "listeners: [{name: a, listen: '0.0.0.0:25', relay_from: [10.0.0.0/8]}]"
    (listener,) = load(written(tmp_path, text)).listeners
    assert "10.1.1.1" in listener.relay_from
    assert "127.0.0.1" not in listener.relay_from


def test_every_problem_at_once(tmp_path: Path) -> None:
    text = """\
hostnam: mx.example
workers: 0
listeners:
  - {name: a b, listen: 1, protocol: lmtpp, deadline: 10 foo}
limits: {size: 25 MiBB}
upstream: {tls: maybe, password: hunter2}
store: {url: mysql://x}
log: {format: xml}
log: {}
"""
    assert problems(tmp_path, text) == [
        "/smtpguard.yaml:1:1: `hostnam` is not known here; did you mean `hostname`?",
        "/smtpguard.yaml:2:10: workers: should be greater than or equal to 1, not `0`",
        "/smtpguard.yaml:4:12: listeners.0.name: `a b` is not a name: lower-case letters, digits,"
        " `-`, `_`, `.`, at most 64",
        "/smtpguard.yaml:4:25: listeners.0.listen: expected HOST:PORT, [IPv6]:PORT or unix:/path",
        "/smtpguard.yaml:4:38: listeners.0.protocol: `lmtpp` is not one of smtp, lmtp;"
        " did you mean `lmtp`?",
        "/smtpguard.yaml:4:55: listeners.0.deadline: `10 foo` is not understood, expected a time"
        " such as 30s, 10m or 2h (ms, s, m, h, d, w)",
        "/smtpguard.yaml:5:16: limits.size: `25 MIBB` is not understood, expected a size such as"
        " 25 MiB, 64 KiB or 1 GB",
        "/smtpguard.yaml:6:17: upstream.tls: `maybe` is not one of none, opportunistic, required",
        "/smtpguard.yaml:6:34: upstream.password: expected credential:NAME or file:PATH,"
        " not a secret itself",
        "/smtpguard.yaml:7:14: store.url: `mysql://x` is not a store: embedded:, redis://HOST:PORT,"
        " rediss://HOST:PORT or unix:///PATH",
        "/smtpguard.yaml:8:15: log.format: `xml` is not one of postfix, logfmt, json",
        "/smtpguard.yaml:9:1: `log` is given twice; the first stands in line 8",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listeners: []", "no listeners"),
        ("listeners: [{name: a, listen: 'h:1'}, {name: a, listen: '127.0.0.1:2'}]", "reached"),
        ("listeners: [{name: a, listen: '[::1]:1'}, {name: a, listen: '[::1]:2'}]", "same name"),
        ("listeners: [{name: a, listen: '[::1]:1'}, {name: b, listen: '[::1]:1'}]", "same listen"),
        ("state: []", "state"),
        ("keys: 3", "keys: expected a mapping"),
        ("3", "expected a mapping"),
        ("hostname: a_b", "is not a host name"),
        ("help_url: x", "is not an http(s) URL"),
        (b"\xff", ":1:1: not UTF-8"),
        ("[", ":1:2: "),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in "\n".join(problems(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Problems, match=r"gone\.yaml: cannot be read: No such file"):
        load(tmp_path / "gone.yaml")


def test_the_command_line_works_without_a_file(tmp_path: Path) -> None:
    config = load(None).overridden(
        listen=["127.0.0.1:2525", "apps=unix:/run/apps.sock"],
        lmtp=["[::1]:24"],
        upstream="127.0.0.1:26",
        policies=tmp_path / "p",
        state=tmp_path / "s",
        workers=3,
    )
    assert [(e.name, str(e.listen), e.protocol) for e in config.listeners] == [
        ("smtp", "127.0.0.1:2525", "smtp"),
        ("apps", "unix:/run/apps.sock", "smtp"),
        ("lmtp", "[::1]:24", "lmtp"),
    ]
    assert config.listeners[2].deadline == 540
    assert config.upstream.address == Endpoint("127.0.0.1", 26)
    assert config.policies == tmp_path / "p"
    assert config.keys.directory == tmp_path / "s" / "keys"
    assert config.journal.path.is_relative_to(tmp_path / "s")
    assert config.workers == 3
    assert load(None).overridden() == load(None)


def test_the_command_line_counts_more_than_the_file(tmp_path: Path) -> None:
    text = (
        "listeners: [{name: smtp, listen: '127.0.0.1:1', trusted: [127.0.0.1], default: news}]\n"
        "upstream: {address: '127.0.0.1:2', pool_size: 7}\nkeys: {directory: /elsewhere}\n"
    )
    config = load(written(tmp_path, text)).overridden(
        listen=["127.0.0.1:3"], upstream="127.0.0.1:4", state=tmp_path / "s"
    )
    (listener,) = config.listeners
    assert (listener.listen.port, listener.default) == (3, "news")
    assert "127.0.0.1" in listener.trusted, "what else the file says of it stays"
    assert (config.upstream.address.port, config.upstream.pool_size) == (4, 7)
    assert config.keys.directory == Path("/elsewhere"), "it never was in the state directory"


def test_several_listeners_on_ports_that_the_system_chooses() -> None:
    config = load(None).overridden(listen=["127.0.0.1:0", "127.0.0.1:0"])
    assert [entry.name for entry in config.listeners] == ["smtp", "smtp-2"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"listen": ["0.0.0.0:25"]}, "command line: listeners.0: 0.0.0.0:25 can be reached"),
        ({"listen": ["25"]}, "command line: listeners.0.listen: `25`: expected HOST:PORT"),
        ({"upstream": "nowhere"}, "command line: upstream.address: `nowhere`: expected"),
        ({"workers": 1000}, "command line: workers: should be less than or equal to 256"),
        ({"listen": ["A B=127.0.0.1:1"]}, "`A B` is not a name"),
    ],
)
def test_a_wrong_command_line(options: dict[str, Any], said: str) -> None:
    with pytest.raises(Problems) as raised:
        load(None).overridden(**options)
    assert said in str(raised.value)


def test_policy_files_are_read_sorted_and_packs_beside_them(tmp_path: Path) -> None:
    for name in ("20-b.yaml", "10-a.yml", "notes.txt", "packs/own.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    config = load(None).overridden(policies=tmp_path)
    assert [Path(name).name for name in config.policy_files()] == ["10-a.yml", "20-b.yaml"]
    assert list(config.pack_files().values()) == [b"packs/own.yaml"]
    one = load(None).overridden(policies=tmp_path / "20-b.yaml")
    assert list(one.policy_files().values()) == [b"20-b.yaml"]
    assert list(one.pack_files().values()) == [b"packs/own.yaml"]


def test_policies_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(Problems, match="nowhere: cannot be read"):
        load(None).overridden(policies=tmp_path / "nowhere").policy_files()


def test_a_secret_is_never_written_in_the_file(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "upstream: {user: me, password: hunter2}")
    assert "hunter2" not in problem


def test_what_is_shown_reads_back(tmp_path: Path) -> None:
    config = load(SAMPLE).overridden(state=tmp_path / "s", lmtp=["unix:/x"])
    shown = config.model_dump(mode="json", exclude_none=True)
    again = load(written(tmp_path, write(shown)))
    assert again == config
    assert isinstance(again, Config)


def listeners_or_problems(path: Path) -> int:
    try:
        return len(load(path).listeners)
    except Problems as refused:
        return len(refused.items)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 3000), st.integers(0, 60))
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, piece: bytes, start: int, length: int
) -> None:
    octets = SAMPLE.read_bytes()
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_bytes(octets[:start] + piece + octets[start + length :])
    assert listeners_or_problems(path)


def test_a_feedback_listener_carries_no_stream(tmp_path: Path) -> None:
    text = (
        "listeners:\n- {name: a, listen: '127.0.0.1:1'}\n"
        "- {name: back, listen: '0.0.0.0:25', kind: feedback, relay_from: [0.0.0.0/0]}\n"
    )
    config = load(written(tmp_path, text))
    assert [entry.kind for entry in config.listeners] == ["relay", "feedback"]
    assert config.protocols == {"a": "smtp"}, "no stream may name it"
    with_default = text.replace("kind: feedback,", "kind: feedback, default: news,")
    (problem,) = problems(tmp_path, with_default)
    assert "what comes back belongs to no stream" in problem
