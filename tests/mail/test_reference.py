"""Two engines read the same newsletters, and agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smtpguard.mail import reference
from smtpguard.mail.message import Message
from smtpguard.mail.part import Part
from smtpguard.mail.text import Link, Seen, read

NEWSLETTERS = sorted((Path(__file__).parent / "newsletters").glob("*.html"))


def part(page: str, subtype: str = "html") -> Part:
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return Message((head + page).encode()).root


def newsletter(name: str) -> Part:
    return part((Path(__file__).parent / "newsletters" / f"{name}.html").read_text("utf-8"))


@pytest.mark.parametrize("path", NEWSLETTERS, ids=lambda path: path.stem)
def test_they_agree_on_real_looking_mail(path: Path) -> None:
    page = part(path.read_text("utf-8"))
    wire, other = read(page), reference.read(page)
    assert reference.differences(wire, other) == []
    assert (wire.complete, wire.language) == (other.complete, other.language)
    assert [link.context for link in wire.links] == [link.context for link in other.links]
    assert wire.links
    assert wire.images or path.stem == "word"


def test_plain_text_has_one_engine() -> None:
    page = part("Leave: https://a.fr/u", "plain")
    assert reference.read(page) == read(page)


def test_differences_are_told() -> None:
    reading = read(newsletter("hybrid"))
    other = replace(reading, visible="else", links=reading.links[1:], images=())
    assert reference.differences(reading, other) == ["visible text", "links", "images"]
    closer = replace(reading, visible=reading.visible.replace("\n", " "))
    assert reference.differences(reading, closer) == []


def links(name: str) -> dict[str, Link]:
    return {link.text or link.target: link for link in read(newsletter(name)).links}


def test_a_campaign_as_people_see_it() -> None:
    reading = read(newsletter("campaign"))
    assert reading.language == "fr"
    assert reading.visible.splitlines() == [
        "Nos nouveautés",
        "Bonjour !",
        "Découvrez trois idées pour l'automne.",
        "Des lampes",
        "Des tapis",
        "Voir la boutique",
        "Copyright © 2026 Acme SAS, tous droits réservés.",
        "Notre adresse :",
        "12 rue des Lilas, 69003 Lyon",
        "Vous souhaitez changer la façon dont vous recevez ces e-mails ?",
        "Vous pouvez mettre à jour vos préférences ou vous désabonner de cette liste.",
    ]
    leave = reading.links[-1]
    assert leave.target == "https://acme.us1.list-manage.test/unsubscribe?u=1&id=5&e=3&c=7"
    assert leave.text == "vous désabonner de cette liste"
    assert {link.seen for link in reading.links} == {Seen.VISIBLE}
    assert [image.width for image in reading.images] == [196, 1]


def test_a_dark_twin_is_hidden_and_the_light_one_is_not() -> None:
    reading = read(newsletter("drag_and_drop"))
    assert [link.seen for link in reading.links[:2]] == [Seen.VISIBLE, Seen.HIDDEN]
    assert [image.hidden for image in reading.images] == [False, True]
    assert "Offres" not in reading.visible
    assert links("drag_and_drop")["disiscriviti"].seen is Seen.VISIBLE


def test_text_on_a_picture_is_unsure_and_small_print_is_not() -> None:
    found = links("hybrid")
    assert found["Jetzt ansehen"].seen is Seen.UNKNOWN
    assert found["Newsletter abbestellen"].seen is Seen.VISIBLE
    assert found["Mehr →"].seen is Seen.VISIBLE
    assert found["Karte"].target == "https://go.test/3"


def test_a_word_document() -> None:
    found = links("word")
    assert found["click here"].context == "To stop receiving these messages, click here."
    assert found["click here"].seen is Seen.VISIBLE
    assert found["old link"].quoted
    assert "Earlier words" not in read(newsletter("word")).visible


def test_a_fragment() -> None:
    assert [link.target for link in read(newsletter("fragment")).links] == [
        "https://winkel.test/nieuw",
        "https://winkel.test/uitschrijven?id=1&t=2",
        "mailto:weg@winkel.test",
        "https://winkel.test/stop",
    ]
