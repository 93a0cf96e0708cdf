"""Who writes, compiled from policies."""

from smtpguard.config import load
from smtpguard.service.build import policy
from smtpguard.web.site import LARGEST_LOGO, build
from tests.web.conftest import LOGO, NOW, POLICY, site


def test_the_party_behind_a_link() -> None:
    party = site().party("acme", "acme", "news")
    assert (party.company, party.brand) == ("Acme & Sons SAS", "Acme")
    assert (party.purpose, party.languages) == ("product news <monthly>", ("fr", "en"))
    assert party.contact_link == "mailto:dpo@acme.example"
    assert not party.alone


def test_what_the_policies_no_longer_know() -> None:
    found = site()
    moved = found.party("acme", "acme", "gone")
    assert (moved.brand, moved.purpose) == ("Acme", "")
    gone = found.party("x", "y", "z")
    assert (gone.company, gone.brand, gone.logo, gone.contact_link) == ("x", "y", "", "")
    assert gone.style in found.assets


def test_choices_are_promotional_and_of_one_company() -> None:
    found = site()
    assert [one.name for one in found.choices("acme")] == ["news", "offers", "sparks"]
    assert found.choices("other") == []


def test_a_logo_that_is_no_picture_is_not_shown() -> None:
    for name, content in (
        ("acme.html", LOGO),
        ("acme.svg", b""),
        ("acme.svg", b"x" * (LARGEST_LOGO + 1)),
    ):
        octets = POLICY.replace(b"acme.svg", name.encode())
        built = build(policy(load(None), {"acme.yaml": octets}, {}, NOW), {name: content})
        assert built.party("acme", "acme", "news").logo == ""


def test_a_contact_may_be_a_page() -> None:
    octets = POLICY.replace(b"dpo@acme.example", b"https://acme.example/rights")
    built = build(policy(load(None), {"acme.yaml": octets}, {}, NOW), {})
    assert built.party("acme", "acme", "news").contact_link == "https://acme.example/rights"
