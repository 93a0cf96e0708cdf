"""Lists without those who left: short ones in JSON, long ones row by row, octet for octet."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx
import pytest

from smtpguard.store.errors import StoreSilent
from smtpguard.web.api import clean

if TYPE_CHECKING:
    from tests.web.api.conftest import Program

LIST = """\
name;E-Mail;note
Anna;anna@client.example;x
Bob;bob+news@client.example;"two
lines"
Dora;nobody;

Zoé;zoe@client.example;
"""


async def leave(program: Program, *who: str, **more: str) -> None:
    await program.asks("/v1/suppressions", addresses=who, controller="acme", **more)


async def send(
    program: Program, octets: bytes, kind: str = "text/csv", name: str = "crm", **query: str
) -> httpx.Response:
    headers = {**program.known(name), "Content-Type": kind}
    return await program.client.post("/v1/clean", params=query, content=octets, headers=headers)


def counts(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    names = ("keep", "drop", "bad", "partly")
    return [int(answer.headers[f"smtpguard-{name}"]) for name in names]


async def test_a_short_list(program: Program) -> None:
    await leave(program, "anna@client.example")
    await leave(program, "bob@client.example", stream="news")
    names = ["anna@client.example", "bob@client.example", "nobody", "robin@client.example"]
    said = await program.asks("/v1/clean", "crm", addresses=names, stream="offers")
    assert said["counts"] == {"keep": 1, "drop": 2, "bad": 1, "partly": 1}
    assert said["keep"] == ["bob@client.example"]
    assert [(one["address"], one["because"]["channel"]) for one in said["drop"]] == [
        ("anna@client.example", "api:root"),
        ("robin@client.example", "list:robinson"),
    ]
    assert said["bad"] == [{"pointer": "#/addresses/2", "detail": "not an address"}]
    whole = await program.asks("/v1/clean", "crm", addresses=names)
    assert whole["counts"] == {"keep": 0, "drop": 3, "bad": 1, "partly": 0}


async def test_rows_come_back_as_they_came(program: Program) -> None:
    await leave(program, "bob@client.example")
    for encoding in ("utf-8", "latin-1", "utf-16"):
        for end in ("\n", "\r\n"):
            octets = LIST.replace("\n", end).encode(encoding)
            answer = await send(program, octets)
            assert counts(answer) == [2, 1, 1, 0]
            written = octets.decode(encoding)
            kept = written.replace(f'Bob;bob+news@client.example;"two{end}lines"{end}', "")
            mark = octets[:2] if encoding == "utf-16" else b""
            plain = "utf-16-le" if mark else encoding
            assert answer.content == mark + kept.replace(f"Dora;nobody;{end}", "").encode(plain)


async def test_every_portion_may_be_asked_for(program: Program) -> None:
    await leave(program, "bob@client.example")
    heading = "name;E-Mail;note\n"
    dropped = await send(program, LIST.encode(), answer="drop")
    assert dropped.text == heading + 'Bob;bob+news@client.example;"two\nlines"\n'
    bad = await send(program, LIST.encode(), answer="bad")
    assert bad.text == heading + "Dora;nobody;\n"
    assert counts(bad) == counts(dropped) == [2, 1, 1, 0]
    assert bad.headers["content-type"] == "text/csv; charset=utf-8"


async def test_a_line_for_each(program: Program) -> None:
    await leave(program, "anna@client.example")
    lines = (
        b'\xef\xbb\xbfanna@client.example\r\n"a b"@client.example\n\n\xff@x\nzo\xc3\xa9@b.example'
    )
    answer = await send(program, lines, "text/plain; charset=utf-8")
    assert counts(answer) == [2, 1, 1, 0]
    assert answer.content == b'"a b"@client.example\n\nzo\xc3\xa9@b.example'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert (await send(program, lines, "text/plain", answer="bad")).content == b"\xff@x\n"


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ({}, {"anna", "bob", "robin", "ada"}),
        ({"brand": "acme"}, {"anna", "bob", "robin"}),
        ({"stream": "news"}, {"anna", "bob", "robin"}),
        ({"stream": "offers"}, {"bob", "robin", "ada"}),
        ({"stream": "invoices"}, set()),
        ({"controller": "acme", "brand": "shop"}, {"bob", "robin", "ada"}),
    ],
)
async def test_the_mail_that_is_meant(
    program: Program, query: dict[str, str], left: set[str]
) -> None:
    await leave(program, "anna@client.example", stream="news")
    await leave(program, "bob@client.example")
    names = ["anna", "bob", "robin", "ada", "zoe"]
    lines = "".join(f"{name}@client.example\n" for name in names).encode()
    answer = await send(program, lines, "text/plain", answer="drop", **query)
    assert {line.partition("@")[0] for line in answer.text.splitlines()} == left
    asked = {"addresses": [f"{name}@client.example" for name in names], **query}
    said = await program.asks("/v1/clean", "crm", **asked)
    assert {one["address"].partition("@")[0] for one in said["drop"]} == left
    checked = await program.asks("/v1/check", "crm", **asked)
    gone = {one["address"].partition("@")[0] for one in checked["results"] if not one["may_write"]}
    assert gone == left


@pytest.mark.parametrize(
    ("kind", "octets", "query", "said"),
    [
        ("text/csv", b"a,b\nx,y\n", {}, "no column holds addresses"),
        ("text/csv", b"", {}, "the list has no rows"),
        ("text/csv", b"\xff\xfea", {}, "codec can't decode"),
        ("text/csv", b"a@b.example\n", {"column": "x"}, "no column 'x'"),
        ("text/plain", b"a@b.example\n", {"column": "1"}, "text has no columns"),
        ("text/csv", b"a@b.example\n", {"answer": "all"}, "not one of keep, drop, bad"),
        ("text/csv", b"a@b.example\n", {"colunm": "1"}, "did you mean `column`"),
        ("text/csv", b"a@b.example\n", {"stream": "nws"}, "did you mean news"),
    ],
)
async def test_what_cannot_be_read(
    program: Program, kind: str, octets: bytes, query: dict[str, str], said: str
) -> None:
    answer = await send(program, octets, kind, **query)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    if query:
        (fault,) = answer.json().get("errors") or [{"parameter": "column"}]
        assert fault["parameter"] == next(iter(query))


async def test_a_parameter_is_given_once(program: Program) -> None:
    answer = await program.client.post(
        "/v1/clean?stream=news&stream=offers",
        content=b"x",
        headers={**program.known("crm"), "Content-Type": "text/plain"},
    )
    assert (answer.status_code, answer.json()["detail"]) == (422, "a parameter is given twice")


@pytest.mark.parametrize("kind", ["", "text/html", "application/x-www-form-urlencoded", "json"])
async def test_other_types_are_not_read(program: Program, kind: str) -> None:
    answer = await send(program, b"a@b.example", kind)
    assert answer.status_code == 415
    assert "text/csv" in answer.headers["accept-post"]


async def test_a_list_has_so_many_rows(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "MOST_ROWS", 3)
    for end in (b"\n", b"\r"):
        assert counts(await send(program, b"a@b.example" + end + b"c@d.example"))[0] == 2
        assert (await send(program, (b"a@b.example" + end) * 4)).status_code == 413


async def test_a_store_that_falls_silent_is_no_short_list(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up, asked = program.desk.store.look_up, 0

    async def silent(*words: object) -> object:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise StoreSilent("gone")
        return await look_up(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(program.desk.store, "look_up", silent)
    lines = "".join(f"a{n}@b.example\n" for n in range(1000)).encode()
    answer = await send(program, lines, "text/plain")
    assert (answer.status_code, answer.json()["code"]) == (503, "store-silent")
    monkeypatch.undo()
    assert counts(await send(program, lines, "text/plain")) == [1000, 0, 0, 0]


async def test_a_long_list_leaves_time_to_others(program: Program) -> None:
    """While it is looked up, somebody who asks for one address waits for a portion at most."""
    lines = "".join(f"reader{n}@client{n % 97}.example\n" for n in range(20_000)).encode()
    cleaning = asyncio.create_task(send(program, lines, "text/plain"))
    waits = 0
    while not cleaning.done():
        await program.asks("/v1/check", "crm", addresses=["anna@client.example"])
        waits += 1
    assert counts(await cleaning)[0] == 20_000
    assert waits > 50


async def test_hostile_quotes_cost_no_more_than_others(program: Program) -> None:
    octets = b"email,x\na@b.example,1\n" + b'x","\n' * 50_000
    async with asyncio.timeout(30):
        answer = await send(program, octets)
    assert counts(answer)[0] == 1
    assert counts(answer)[2] == 50_000


async def test_the_longest_list_in_json(program: Program) -> None:
    many = [f"reader{n}@client.example" for n in range(10_000)]
    assert (await program.asks("/v1/clean", "crm", addresses=many))["counts"]["keep"] == 10_000
    found = await program.refused("/v1/clean", 422, "crm", addresses=[*many, "x"])
    assert found["errors"][0]["pointer"] == "#/addresses"
    assert json.dumps(found).count("reader") == 0
