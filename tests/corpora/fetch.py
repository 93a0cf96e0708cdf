"""Real mail that nobody here wrote, from the source distributions of ``sources.txt``.

``python -m tests.corpora.fetch`` brings it once into the environment, with pip, which checks the
hashes; nothing of it is kept in the repository. ``messages`` gives it as the wire would carry it,
the mail inside bounces and what CPython tests its own parser with included.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import mailbox
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

SOURCES = Path(__file__).with_name("sources.txt")
SMALLEST, LARGEST = 100, 3_000_000
"""Octets of a file that may be a message."""

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
_NO_MAIL = (".py", ".rst", ".md", ".toml", ".cfg", ".html", ".css", ".js", ".json", ".xml", ".po")
_NAME = re.compile(rb"^([A-Za-z][A-Za-z0-9-]*):[ \t\r\n]", re.MULTILINE)
_USUAL = frozenset(
    b"from to subject date received message-id content-type mime-version return-path".split()
)
_LINE_END = re.compile(rb"\r\n|\r|\n")


def fetch() -> Path:
    """The folder with everything unpacked, one folder a distribution; fetched at the first call."""
    digest = hashlib.sha256(SOURCES.read_bytes()).hexdigest()[:16]
    place = Path(sys.prefix) / "corpora" / digest
    if place.exists():
        return place
    place.parent.mkdir(exist_ok=True)
    with SOURCES.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once: the second waits and finds it there
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=place.parent) as folder:
                _download(Path(folder) / "packed")
                _unpack(Path(folder) / "packed", Path(folder) / "mail")
                (Path(folder) / "mail").rename(place)
    return place


def messages() -> dict[str, bytes]:
    """Every message once, by a name that leads to its file; CRLF line ends."""
    found: dict[bytes, str] = {}
    root = fetch()
    files = {str(f.relative_to(root)): f for f in sorted(root.rglob("*")) if f.is_file()}
    for name, file in {**files, **_cpython()}.items():
        for number, raw in enumerate(_split(file)):
            for depth, one in enumerate([raw, *_enclosed(raw)]):
                crlf = _LINE_END.sub(b"\r\n", one).replace(b"\0", b"")
                ended = crlf if crlf.endswith(b"\r\n") else crlf + b"\r\n"
                if _is_message(ended):
                    label = "".join(f"#{n}" for n in (number, depth) if n)
                    found.setdefault(ended, name + label)
    return {name: raw for raw, name in found.items()}


def _download(folder: Path) -> None:
    names = ",".join(_PINNED.findall(SOURCES.read_text()))
    wanted = ["--no-deps", "--require-hashes", "--no-binary", names, "-r", str(SOURCES)]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*_pip(), "download", *quiet, *wanted, "-d", str(folder)], check=True)


def _pip() -> list[str]:
    """This environment's pip, that of the Python it was made with, or one that uv runs."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    base = getattr(sys, "_base_executable", sys.executable)
    asked = subprocess.run([base, "-m", "pip", "--version"], capture_output=True, check=False)
    if asked.returncode == 0:
        return [base, "-m", "pip"]
    uv = shutil.which("uv")
    if uv is None:
        raise FileNotFoundError("there is neither pip nor uv to fetch mail with")
    return [uv, "tool", "run", "pip"]


def _unpack(packed: Path, folder: Path) -> None:
    """Files that may be mail, whatever their names."""
    for archive in sorted(packed.glob("*.tar.gz")):
        with tarfile.open(archive) as tar:
            for member in tar:
                small = SMALLEST <= member.size <= LARGEST
                if member.isfile() and small and not member.name.endswith(_NO_MAIL):
                    file = tar.extractfile(member)
                    assert file is not None
                    octets = file.read()
                    if _is_message(octets) or octets.startswith(b"From "):
                        place = folder / Path(member.name)
                        assert place.resolve().is_relative_to(folder.resolve())
                        place.parent.mkdir(parents=True, exist_ok=True)
                        place.write_bytes(octets)


def _is_message(octets: bytes) -> bool:
    """Whether it begins with a header in which at least three usual fields stand."""
    header = re.split(rb"\r?\n\r?\n", octets, maxsplit=1)[0]
    names = {name.lower() for name in _NAME.findall(header)}
    return len(names & _USUAL) >= 3 and _NAME.match(octets) is not None


def _split(file: Path) -> Iterator[bytes]:
    """The messages of a file: of an mbox, each without its ``From`` line."""
    octets = file.read_bytes()
    if not octets.startswith(b"From "):
        yield octets
        return
    box = mailbox.mbox(file, create=False)
    try:
        yield from (box.get_bytes(key) for key in box.keys())  # noqa: SIM118 - no mapping
    finally:
        box.close()


def _enclosed(raw: bytes) -> list[bytes]:
    """The messages that bounces and forwards carry."""
    parts = (p for p in message_from_bytes(raw).walk() if p.get_content_type() == "message/rfc822")
    carried = (part.get_payload(0) for part in parts if part.is_multipart())
    return [one.as_bytes() for one in carried if isinstance(one, Message)]


def _cpython() -> dict[str, Path]:
    """What the interpreter tests itself with, where it brings its tests."""
    spec = importlib.util.find_spec("test")
    places = (spec and spec.submodule_search_locations) or ()
    folders = [Path(place) / "test_email" / "data" for place in places]
    return {f"cpython/{f.name}": f for folder in folders for f in sorted(folder.glob("*.txt"))}


if __name__ == "__main__":
    print(fetch())
