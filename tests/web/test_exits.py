"""Leaving: by one click, by the page's button, wider, undone; and what changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from smtpguard.keys import Keyring, LinkKey
from smtpguard.mail.address import Address
from smtpguard.person import Source
from smtpguard.store.store import Store
from smtpguard.unsubscribe.link import Ticket, seal
from smtpguard.web.app import application
from smtpguard.web.desk import Desk
from smtpguard.web.wording import LANGUAGES, WORDINGS

if TYPE_CHECKING:
    from tests.web.conftest import House

GMAIL: dict[str, Any] = {
    "content": b"List-Unsubscribe=One-Click",
    "headers": {
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "Mozilla/5.0 (compatible; Google-Gmail-Unsubscribe)",
    },
}
YAHOO = {
    "content": (
        b'--b0undary\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
        b"One-Click\r\n--b0undary--\r\n"
    ),
    "headers": {"Content-Type": "multipart/form-data; boundary=b0undary"},
}
ODD = {"content": b"\xff\x00=%zz&&", "headers": {"Content-Type": "multipart/form-data"}}
EMPTY = {"content": b"", "headers": {}}


@pytest.mark.parametrize(
    "shape", [GMAIL, YAHOO, ODD, EMPTY], ids=["gmail", "yahoo", "odd", "empty"]
)
async def test_a_post_unsubscribes_whatever_its_body(
    house: House, shape: dict[str, object]
) -> None:
    answer = await house.client.post(house.link(), **shape)  # type: ignore[arg-type]
    assert (answer.status_code, answer.text) == (200, "Unsubscribed.\n")
    assert "set-cookie" not in answer.headers
    assert await house.wishes() == {("objection", "stream:news", "one-click")}


async def test_twice_is_once(house: House) -> None:
    for _ in range(3):
        answer = await house.client.post(house.link(), **GMAIL)
        assert answer.status_code == 200
    assert len(await house.wishes()) == 1


async def test_reading_changes_nothing(house: House) -> None:
    before = await house.content()
    link = house.link()
    page = await house.get(link)
    left = re.findall(r'href="\.\./([pr]/[\w-]+)"', page.text)
    assert len(left) == 2
    for path in (link, *(f"/{one}" for one in left)):
        for _ in range(100):
            answer = await house.client.get(path)
            assert answer.status_code == 200
        assert (await house.client.head(path)).status_code == 200
        assert (await house.client.options(path)).status_code == 204
    assert await house.content() == before
    assert await house.wishes() == set()


async def test_the_page_says_who_and_why_and_shows_no_address(house: House) -> None:
    address = Address.parse(b"jo@reader.example")
    assert address
    source = Source("s", "Salon <Bati> 2026")
    await house.desk.store.register("acme", [(address, source, 1, True)])
    page = (await house.get(house.link())).text
    for shown in ("Acme", "Acme &amp; Sons SAS", "product news &lt;monthly&gt;"):
        assert shown in page
    for shown in ("Salon &lt;Bati&gt; 2026", "j•••@reader.example", "dpo@acme.example"):
        assert shown in page
    assert "jo@reader" not in page
    assert "<script" not in page


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_language(house: House, language: str) -> None:
    words = WORDINGS[language]
    page = await house.get(house.link(), language=f"{language}-XX,en;q=0.3")
    assert f'<html lang="{language}" dir="ltr">' in page.text
    assert words.plain("ask_heading") in page.text
    asked = await house.get(house.link() + f"?l={language}", language="xx")
    assert asked.text.count(words.plain("ask_heading")) == 1


async def test_without_a_wish_the_brand_s_first_language(house: House) -> None:
    assert 'lang="fr"' in (await house.get(house.link(), language="sv")).text


async def test_the_button_then_the_receipt_then_undo(house: House) -> None:
    answer = await house.client.post(house.link(), data={"leave": "stream"})
    assert answer.status_code == 303
    receipt = "/" + answer.headers["location"].removeprefix("../")
    page = await house.get(receipt)
    assert "You are unsubscribed" in page.text
    assert re.search(r"<bdi>[0-9A-Z]{5}-[0-9A-Z]{5}</bdi>", page.text)
    assert await house.wishes() == {("objection", "stream:news", "page")}
    undone = await house.press(receipt, undo="yes")
    assert "may write to" in undone.text
    assert await house.wishes() == set()


async def test_the_receipt_can_be_read_for_ever_and_undone_for_a_while(house: House) -> None:
    answer = await house.client.post(house.link(), data={"leave": "stream"})
    receipt = "/" + answer.headers["location"].removeprefix("../")
    house.now += 1801
    page = await house.get(receipt)
    assert page.status_code == 200
    assert "undo" not in page.text
    assert "Too late" in (await house.press(receipt, undo="yes")).text
    assert len(await house.wishes()) == 1


async def test_pressing_again_within_the_page_s_life_is_still_undoable(house: House) -> None:
    await house.press(house.link(), leave="stream")
    house.now += 600
    page = await house.press(house.link(), leave="stream")
    assert "for 20 minutes" in re.sub("<[^>]+>", "", page.text)


async def test_one_click_is_not_undone_by_a_page(house: House) -> None:
    await house.client.post(house.link(), **GMAIL)
    page = await house.press(house.link(), leave="stream")
    assert 'name="undo"' not in page.text
    assert await house.wishes() == {("objection", "stream:news", "one-click")}


async def test_undo_never_follows_from_the_link_alone(house: House) -> None:
    await house.press(house.link(), leave="stream")
    for fields in ({"undo": "yes"}, {"undo": house.token()}, {"leave": "", "undo": "yes"}):
        await house.press(house.link(), **fields)
        assert ("objection", "stream:news", "page") in await house.wishes()


@pytest.mark.parametrize(("wish", "scope"), [("brand", "brand:acme"), ("all", "controller")])
async def test_leaving_more_and_undoing_exactly_that(house: House, wish: str, scope: str) -> None:
    answer = await house.client.post(house.link(), data={"leave": "stream"})
    first = "/" + answer.headers["location"].removeprefix("../")
    answer = await house.client.post(first, data={"leave": wish})
    second = "/" + answer.headers["location"].removeprefix("../")
    assert await house.wishes() == {
        ("objection", "stream:news", "page"),
        ("objection", scope, "page"),
    }
    undone = await house.press(second, undo="yes")
    assert "Another one still holds" in undone.text
    assert await house.wishes() == {("objection", "stream:news", "page")}


async def test_a_receipt_of_one_width_undoes_no_other(house: House) -> None:
    answer = await house.client.post(house.link(), data={"leave": "stream"})
    token = answer.headers["location"].rpartition("/")[2]
    await house.press(house.link(), leave="all")
    for path in (f"/left-all/{token}", f"/left-brand/{token}", f"/left-x/{token}", f"/p/{token}"):
        assert (await house.client.post(path, data={"undo": "yes"})).status_code == 404
    assert len(await house.wishes()) == 2


async def test_a_receipt_is_for_one_wish_and_not_for_a_later_one(house: House) -> None:
    answer = await house.client.post(house.link(), data={"leave": "stream"})
    receipt = "/" + answer.headers["location"].removeprefix("../")
    await house.press(receipt, undo="yes")
    house.now += 60
    await house.client.post(house.link(), **GMAIL)
    again = await house.press(receipt, undo="yes")
    assert "Another one still holds" in again.text
    assert await house.wishes() == {("objection", "stream:news", "one-click")}


@pytest.mark.parametrize("path", ["/u/{}/", "/u/{}%2f", "/static/{}/", "/favicon.ico/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_path_is_redirected_to_the_host_that_a_client_names(
    house: House, path: str, method: str
) -> None:
    answer = await house.client.request(method, path.format(house.token()))
    assert answer.status_code == 404
    assert "location" not in answer.headers


async def test_a_method_that_is_not_served_hears_which_are(house: House) -> None:
    answer = await house.client.request("PUT", house.link())
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize("charset", ["undefined", "idna", "utf-16", "rot13", "x" * 999])
async def test_a_body_that_no_charset_decodes_unsubscribes(house: House, charset: str) -> None:
    kind = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
    body = b'--b\r\nContent-Disposition: form-data; name="\xff\xfe"\r\n\r\n\xff\r\n--b--\r\n'
    answer = await house.client.post(house.link(), content=body, headers=kind)
    assert (answer.status_code, answer.text) == (200, "Unsubscribed.\n")
    assert len(await house.wishes()) == 1


async def test_a_bug_of_ours_is_a_503_that_may_be_tried_again(
    house: House, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> bool:
        raise RuntimeError("jo@reader.example")

    monkeypatch.setattr(Store, "opt_out", broken)
    transport = httpx.ASGITransport(application(desk), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.post(house.link(), **GMAIL)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "reader.example" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_who_left_sees_it(house: House) -> None:
    await house.press(house.link(), leave="all")
    page = await house.get(house.link())
    assert "You are already unsubscribed" in page.text
    assert "18 November 2026" in page.text


async def test_links_outlive_their_keys_and_streams(house: House) -> None:
    old = Keyring(links=(LinkKey(3, b"3" * 64),))
    token = seal(old, Ticket("gone", "gone-brand", "gone-stream", b"jo@reader.example", 0))
    assert "gone-brand" in (await house.get(f"/u/{token}")).text
    answer = await house.client.post(f"/u/{token}", **GMAIL)
    assert answer.status_code == 200


async def test_postmaster_has_no_domain(house: House) -> None:
    answer = await house.client.post(house.link("Postmaster"), **GMAIL)
    assert answer.status_code == 200
    (suppression,) = (await house.desk.store.look_up("acme", [Address(b"Postmaster", b"")]))[
        0
    ].suppressions
    assert suppression.channel == "one-click"


def bad_tokens(good: str) -> list[str]:
    foreign = Keyring(links=(LinkKey(7, b"x" * 64),))
    unheld = Keyring(links=(LinkKey(9, b"7" * 64),))
    ticket = Ticket("acme", "acme", "news", b"jo@reader.example", 5)
    made = [seal(foreign, ticket), seal(unheld, ticket), seal(foreign, ticket, b"smtpguard undo")]
    return [good[:-1], good[:20], good + "A", "", "x" * 3000, "%00", "é", "../u", *made]


async def test_every_flipped_bit_gives_the_one_answer(house: House) -> None:
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    house.desk.settings = house.desk.settings.model_copy(
        update={"limits": house.desk.settings.limits.model_copy(update={"burst": 10**6})}
    )
    good = house.token()
    octets = urlsafe_b64decode(good + "=" * (-len(good) % 4))
    before = await house.content()
    answers = set()
    for bit in range(len(octets) * 8):
        flipped = bytearray(octets)
        flipped[bit // 8] ^= 1 << bit % 8
        token = urlsafe_b64encode(flipped).rstrip(b"=").decode()
        for method in ("GET", "POST"):
            answer = await house.client.request(method, f"/u/{token}")
            answers.add((answer.status_code, answer.text, str(answer.headers)))
    for token in bad_tokens(good):
        if token not in {"", "../u"}:
            answer = await house.client.post(f"/u/{token}")
            answers.add((answer.status_code, answer.text, str(answer.headers)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404
    assert await house.content() == before


async def test_a_silent_store_is_a_503_and_nothing_is_promised(house: House) -> None:
    await house.desk.store.close()
    answer = await house.client.post(house.link(), **GMAIL)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    page = await house.press(house.link(), leave="stream")
    assert (page.status_code, page.headers["retry-after"]) == (503, "30")
    assert "try again" in page.text
    assert (await house.get(house.link())).status_code == 200


@pytest.mark.parametrize("path", ["/u/x", "/u/{token}", "/nowhere", "/why/x"])
async def test_what_every_answer_carries(house: House, path: str) -> None:
    answer = await house.get(path.format(token=house.token()))
    headers = answer.headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert not re.search(r"\sstyle=|<style|https?://(?!acme\.example/privacy)", answer.text)


async def test_our_own_files_never_change_under_their_name(house: House) -> None:
    page = (await house.get(house.link())).text
    names = re.findall(r"\.\./static/([\w.]+)", page)
    assert [name.rpartition(".")[2] for name in names] == ["css", "svg"]
    for name in names:
        answer = await house.get(f"/static/{name}")
        assert "immutable" in answer.headers["cache-control"]
        assert "sandbox" in answer.headers["content-security-policy"]
    assert (await house.get("/static/x.css")).status_code == 404


async def test_an_address_is_no_markup(house: House) -> None:
    address = '"<b>"@reader.example'
    page = (await house.get(house.link(address))).text
    assert "<b>" not in page


async def test_what_is_counted(house: House, counted: Callable[[str], float]) -> None:
    left, bad = counted("smtpguard_opt_outs_total"), counted("smtpguard_bad_tokens_total")
    await house.client.post(house.link(), **GMAIL)
    await house.get("/u/x")
    assert counted("smtpguard_opt_outs_total") == left + 1
    assert counted("smtpguard_bad_tokens_total") == bad + 1
