"""``smtpguard web`` as an operator starts it; that it serves is shown by the tests of the pages."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from smtpguard.cli import main
from smtpguard.cli.web import read_site
from smtpguard.config import load
from smtpguard.policy.source import Problems
from smtpguard.store.keyfiles import load_ring
from smtpguard.unsubscribe.link import Ticket, seal

POLICY = """\
controller: acme
legal_name: Acme SAS
brands: {acme: {from_domains: [acme.example], look: {logo: LOGO}}}
streams: {news: {class: marketing, brand: acme, match: {from_domain: acme.example}}}
default: {class: personal}
"""


AS_SYSTEMD = """
import os, sys
high = [os.dup(os.dup(os.dup(int(fd)))) for fd in sys.argv[1:3]]
for place, fd in enumerate(high, 3):
    os.dup2(fd, place)
given = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "web:status"}
words = ["-m", "smtpguard", "web", "-c", sys.argv[3]]
os.execve(sys.executable, [sys.executable, *words], {**os.environ, **given})
"""
"""Puts two sockets where sd_listen_fds(3) says, and becomes the command."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "outside.svg").write_text("<svg/>")
    (tmp_path / "policies" / "in.svg").write_text("<svg/>")
    path = tmp_path / "smtpguard.yaml"
    path.write_text("state: state\npolicies: policies\n")
    return path


def logo(config: Path, name: str) -> str:
    (config.parent / "policies" / "acme.yaml").write_text(POLICY.replace("LOGO", name))
    return read_site(load(config)).party("acme", "acme", "news").logo


def test_a_logo_lies_beside_the_policies(config: Path) -> None:
    assert logo(config, "in.svg").endswith(".svg")


@pytest.mark.parametrize("name", ["../outside.svg", "/etc/hostname", "none.svg", "."])
def test_and_nowhere_else(config: Path, name: str) -> None:
    assert logo(config, name) == ""


WIRED = """\
webhooks: [{url: "https://crm.example/hook", secret: "file:out"}]
incoming: [{name: crm, tool: mautic, secret: "file:in"}]
"""


def test_the_secrets_of_webhooks_lie_beside_the_policies(config: Path) -> None:
    home = config.parent / "policies"
    (home / "out").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    (home / "in").write_text("whsec_is_no_base64_to_a_tool\n")
    (home / "acme.yaml").write_text(POLICY + WIRED)
    site = read_site(load(config))
    assert [(hook.url, len(hook.secret)) for hook in site.hooks] == [
        ("https://crm.example/hook", 24)
    ]
    assert site.inlets["acme", "crm"].secret == b"whsec_is_no_base64_to_a_tool"
    assert site.listens("acme")


def test_secrets_that_are_weak_or_not_there_are_named(config: Path) -> None:
    home = config.parent / "policies"
    (home / "out").write_text("short")
    (home / "acme.yaml").write_text(POLICY + WIRED)
    with pytest.raises(Problems) as caught:
        read_site(load(config))
    said = [str(problem) for problem in caught.value.items]
    assert any("file:out" in one and "24 octets" in one for one in said)
    assert any("file:in" in one and "No such file" in one for one in said)


def asked(config: Path, *tokens: str) -> Path:
    """The configuration with an API for these tokens, whose files are theirs by name."""
    logo(config, "in.svg")
    said = ", ".join(tokens)
    text = "state: state\npolicies: policies\n"
    config.write_text(f"{text}web: {{api: {{listen: '127.0.0.1:0', tokens: [{said}]}}}}\n")
    return config


def caller(name: str, controller: str = "acme") -> str:
    may = "may: [check], controllers: [" + controller + "]"
    return f"{{name: {name}, secret: 'file:{name}.token', {may}}}"


def test_callers_are_read_beside_the_configuration(config: Path) -> None:
    (config.parent / "crm.token").write_text("x" * 24 + "\n")
    (one,) = read_site(load(asked(config, caller("crm")))).callers
    assert (one.name, one.controllers) == ("crm", frozenset({"acme"}))
    config.write_text(config.read_text().replace("listen: '127.0.0.1:0', ", ""))
    assert read_site(load(config)).callers == ()


def test_callers_that_are_nobody_are_named(config: Path) -> None:
    for name, word in (("crm", "x" * 24), ("twin", "x" * 24), ("weak", "short")):
        (config.parent / f"{name}.token").write_text(word)
    names = (caller("crm"), caller("twin"), caller("weak"), caller("none"), caller("odd", "acm"))
    with pytest.raises(Problems) as caught:
        read_site(load(asked(config, *names)))
    said = sorted(str(problem).replace(str(config.parent), "") for problem in caught.value.items)
    assert said == [
        "file:/none.token: token: [Errno 2] No such file or directory: '/none.token'",
        "file:/odd.token: token: [Errno 2] No such file or directory: '/odd.token'",
        "file:/weak.token: token: a token has 24 octets or more",
        "web.api.tokens.odd: there is no controller `acm`; did you mean `acme`?",
        "web.api.tokens.twin: another has the same token",
    ]


def test_as_systemd_starts_it(config: Path) -> None:
    """Sockets bound before, READY when both answer, and a clean end at SIGTERM."""
    logo(config, "in.svg")
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(config.parent / "notify"))
    told.settimeout(30)
    with (
        told,
        socket.create_server(("127.0.0.1", 0)) as web,
        socket.create_server(("127.0.0.1", 0)) as status,
    ):
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                AS_SYSTEMD,
                str(web.fileno()),
                str(status.fileno()),
                str(config),
            ],
            env={**os.environ, "NOTIFY_SOCKET": str(config.parent / "notify")},
            pass_fds=(web.fileno(), status.fileno()),
            stdout=subprocess.DEVNULL,
        )
        try:
            ends(process, told, status)
        finally:
            process.kill()
            process.wait()


def ends(process: subprocess.Popen[bytes], told: socket.socket, status: socket.socket) -> None:
    """It says that it is ready, answers, and stops when told to."""
    assert told.recv(99) == b"READY=1"
    place = f"http://127.0.0.1:{status.getsockname()[1]}/readyz"
    with urllib.request.urlopen(place, timeout=5) as answer:
        assert answer.read().startswith(b"ok")
    process.terminate()
    assert told.recv(99) == b"STOPPING=1"
    assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--listen", "nowhere"), "expected HOST:PORT"),
        (("--status", "0.0.0.0:9"), "can be reached from elsewhere"),
        (("--policies", "/none"), "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(
    config: Path, words: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["web", "-c", str(config), *words]) == os.EX_CONFIG
    assert said in capsys.readouterr().err


def test_without_a_link_key_it_does_not_start(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logo(config, "in.svg")
    assert main(["keys", "new", "--reference", "-c", str(config)]) == os.EX_OK
    assert main(["web", "-c", str(config)]) == os.EX_CONFIG
    assert "link key" in capsys.readouterr().err


def test_a_new_key_is_taken_over_without_a_restart(config: Path) -> None:
    """A link that is made with it is nobody's until then."""
    logo(config, "in.svg")
    places = 'web: {listen: "127.0.0.1:0", status: "127.0.0.1:0"}\n'
    config.write_text(config.read_text() + places)
    command = [sys.executable, "-m", "smtpguard", "web", "-c", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        place = re.search(r"listen_web=(\S+?),", process.stdout.readline())
        assert place
        try:
            assert main(["keys", "new", "--link", "-c", str(config)]) == os.EX_OK
            ring = load_ring(config.parent / "state" / "keys")
            token = seal(ring, Ticket("acme", "acme", "news", b"jo@reader.example", 5))
            link = f"http://{place[1]}/u/{token}"
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(link, b"List-Unsubscribe=One-Click", timeout=5)
            process.send_signal(signal.SIGHUP)
            while "reloaded" not in process.stdout.readline():
                pass
            with urllib.request.urlopen(link, b"List-Unsubscribe=One-Click", timeout=5) as answer:
                assert answer.status == 200
        finally:
            process.terminate()
            process.wait(20)
