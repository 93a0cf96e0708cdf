"""The API over a real Valkey, two companies, and programs with and without tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from smtpguard.config import load
from smtpguard.mail.address import Address
from smtpguard.policy.peers import Endpoint
from smtpguard.service.build import policy
from smtpguard.store import partner
from smtpguard.store.partner import Algorithm
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store
from smtpguard.web.api.app import application
from smtpguard.web.api.caller import Caller
from smtpguard.web.desk import Desk
from smtpguard.web.settings import Api, ApiLimits, ApiToken, Limits, Right, Web
from smtpguard.web.site import build
from tests.web.conftest import NOW, RING

ACME = b"""\
controller: acme
legal_name: Acme SAS
suppression_lists: [robinson]
brands:
  acme: {from_domains: [acme.example]}
  shop: {from_domains: [shop.example], suppression_lists: [advertiser]}
streams:
  news: {class: marketing, brand: acme, match: {sender: news@acme.example}}
  offers: {class: marketing, brand: shop, match: {sender: offers@shop.example}}
  invoices: {class: transactional, brand: acme, match: {sender: billing@acme.example}}
"""
RIVAL = b"""\
controller: rival
legal_name: Rival GmbH
streams:
  letters: {class: marketing, match: {sender: news@rival.example}}
"""
TOKENS = {
    "root": (list(Right), "*"),
    "crm": ([Right.CHECK, Right.SUPPRESS], "acme"),
    "officer": ([Right.LIFT, Right.REQUESTS, Right.STATS], "acme"),
    "spy": ([Right.CHECK], "rival"),
}
"""Rights and controllers of each; the token is the name, often enough."""


LISTED = {"robinson": "robin@client.example", "advertiser": "ada@client.example"}
"""Partners' lists, and who stands on them: against all brands, and against one."""
CHECK = {"addresses": ["anna@client.example"], "controller": "acme"}
"""What a program asks most often."""


def token(name: str) -> str:
    return (name * 24)[:32]


def tokens() -> tuple[ApiToken, ...]:
    return tuple(
        ApiToken(name=name, secret="file:x", may=tuple(may), controllers=(controller,))
        for name, (may, controller) in TOKENS.items()
    )


def callers() -> tuple[Caller, ...]:
    return tuple(Caller.of(one, token(one.name).encode() + b"\n") for one in tokens())


class Program:
    """A program of the company's."""

    def __init__(self, desk: Desk, client: httpx.AsyncClient) -> None:
        self.desk = desk
        self.client = client
        self.now = float(NOW)
        desk.clock = lambda: self.now

    async def get(self, path: str, name: str = "root", **more: Any) -> httpx.Response:
        return await self.client.get(path, headers=self.known(name), **more)

    async def post(self, path: str, said: object = None, name: str = "root") -> httpx.Response:
        """Send JSON, as the program of that token."""
        headers = {**self.known(name), "Content-Type": "application/json"}
        return await self.client.post(path, content=json.dumps(said), headers=headers)

    async def asks(self, path: str, name: str = "root", **said: Any) -> Any:
        """What is answered to JSON."""
        answer = await self.post(path, said, name)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(
        self, path: str, status: int, name: str = "root", **said: Any
    ) -> dict[str, Any]:
        """The problem that is answered to JSON."""
        return problem(await self.post(path, said, name), status)

    @staticmethod
    def known(name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token(name)}"} if name else {}

    async def standing(self, who: str, controller: str = "acme") -> set[tuple[str, str, str]]:
        """Reason, scope and channel of all that stands against somebody."""
        address = Address.parse(who.encode())
        assert address
        (person,) = await self.desk.store.look_up(controller, [address])
        return {(one.reason.value, str(one.scope), one.channel) for one in person.suppressions}


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that an answer is, made as RFC 9457 wants it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    said: dict[str, Any] = answer.json()
    assert (said["type"], said["status"]) == ("about:blank", status)
    assert (status == 503) is ("retry-after" in answer.headers)
    return said


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nothing here is about a store that takes long."""
    return replace(settings, deadline=10.0)


def narrow() -> Web:
    """The API under a name of its own, with limits that a test reaches."""
    api = Api(
        listen=Endpoint("127.0.0.1", 8027),
        tokens=tokens(),
        names=("api.acme.example",),
        limits=ApiLimits(body=4096, list=65_536, in_flight=100_000, seconds=0.4),
    )
    return Web(api=api, limits=Limits(seconds=0.5))


@pytest.fixture
def api() -> Api:
    return Api(listen=Endpoint("127.0.0.1", 8027), tokens=tokens())


@pytest.fixture
def web(api: Api) -> Web:
    return Web(api=api)


@pytest.fixture
async def desk(store: Store, web: Web) -> Desk:
    files = {"acme.yaml": ACME, "rival.yaml": RIVAL}
    site = build(policy(load(None), files, {}, NOW), {}, callers=callers())
    return Desk(store, RING, web, site)


@pytest.fixture
async def program(desk: Desk) -> AsyncIterator[Program]:
    for name, who in LISTED.items():
        hashed = hashlib.sha256(who.encode()).digest()
        await partner.load(desk.store, name, Algorithm.SHA256, [hashed], now=NOW, keep=False)
    transport = httpx.ASGITransport(application(desk), client=("127.0.0.1", 4711))
    base = "http://127.0.0.1:8027"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        yield Program(desk, client)
