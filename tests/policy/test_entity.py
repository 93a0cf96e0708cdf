"""Whom a controller tells, who tells it, and whose lists it heeds."""

import pytest

from smtpguard.policy.controller import Incoming, Webhook
from smtpguard.policy.parse import load
from smtpguard.policy.policy import Policy
from smtpguard.policy.source import Problems

HEAD = """\
controller: acme
legal_name: Acme SAS
brands: {acme: {suppression_lists: [partner, shop]}, bolt: {}}
suppression_lists: [all, partner]
streams:
  news: {class: marketing, brand: acme, match: {sender: news@acme.example}}
  sparks: {class: marketing, brand: bolt, match: {sender: news@bolt.example}}
"""


def policy(rest: str) -> Policy:
    return load({"acme.yaml": (HEAD + rest).encode()}, rules={})


def test_a_brand_heeds_its_own_lists_and_the_controllers() -> None:
    lists = {one.name: one.brand.suppression_lists for one in policy("").streams}
    assert lists == {"news": ("all", "partner", "shop"), "sparks": ("all", "partner")}


def test_webhooks_out_and_in() -> None:
    found = policy(
        'webhooks: [{url: "https://crm.example/", secret: "file:a",'
        " events: [suppression.lifted]}]\n"
        'incoming: [{name: crm, tool: mautic, secret: "file:b", brand: bolt}]\n'
    ).controllers["acme"]
    assert found.webhooks == (Webhook("https://crm.example/", "file:a", ("suppression.lifted",)),)
    assert found.incoming == (Incoming("crm", "mautic", "file:b", "bolt"),)


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ('incoming: [{name: crm, tool: mautic, secret: "file:b", brand: blot}]', "no brand `blot`"),
        ('incoming: [{name: crm, tool: abacus, secret: "file:b"}]', "mautic"),
        ('webhooks: [{url: "ftp://crm.example", secret: "file:a"}]', r"http\(s\) URL"),
        ('webhooks: [{url: "https://crm.example:70000", secret: "file:a"}]', r"http\(s\) URL"),
        ('webhooks: [{url: "https://crm.example", secret: hunter2}]', "credential"),
        ('webhooks: [{url: "https://crm.example", secret: "file:a", events: [all]}]', "events"),
    ],
)
def test_what_is_wrong_is_named(rest: str, said: str) -> None:
    with pytest.raises(Problems, match=said):
        policy(rest + "\n")


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://crm.example/hook", True),
        ("http://127.0.0.1.crm.example", True),
        ("http://localhost@crm.example", None),
        ("http://127.0.0.1:8080/hook", False),
        ("http://localhost/hook", False),
        ("https://crm.example/hook", False),
    ],
)
def test_readers_are_not_named_in_the_clear_unawares(url: str, warned: bool | None) -> None:
    rest = f'webhooks: [{{url: "{url}", secret: "file:a"}}]\n'
    if warned is None:
        with pytest.raises(Problems, match="URL"):
            policy(rest)
        return
    said = [one for one in policy(rest).warnings if "in the clear" in one]
    assert [one.partition(": ")[0] for one in said] == ["acme.yaml:8:18"] * warned
