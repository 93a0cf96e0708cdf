"""The pages over a real Valkey, a company with two brands, and readers with links."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from smtpguard.config import load
from smtpguard.keys import Keyring, LinkKey, ReferenceKey
from smtpguard.mail.address import Address
from smtpguard.person import Person
from smtpguard.service.build import policy
from smtpguard.store.embedded import Embedded
from smtpguard.store.greeting import Founding
from smtpguard.store.settings import Settings
from smtpguard.store.store import Store
from smtpguard.unsubscribe.link import Ticket, seal
from smtpguard.web.app import application
from smtpguard.web.desk import Desk
from smtpguard.web.settings import Web
from smtpguard.web.site import Site, build
from tests.valkey import empty, running

RING = Keyring((ReferenceKey("k1", b"1" * 32),), (LinkKey(7, b"7" * 64), LinkKey(3, b"3" * 64)))
NOW = 1_795_000_000
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9"/></svg>'
POLICY = b"""\
controller: acme
legal_name: Acme & Sons SAS
address: 12 rue des Lilas, 69003 Lyon
privacy_url: https://acme.example/privacy
rights_contact: dpo@acme.example
brands:
  acme:
    names: [Acme, Acme SAS]
    from_domains: [acme.example]
    languages: [fr, en]
    look: {colour: "#0b5", logo: acme.svg}
  bolt:
    names: [Bolt]
    from_domains: [bolt.example]
streams:
  news:
    match: {from_domain: acme.example, sender: news@acme.example}
    class: marketing
    brand: acme
    purpose: product news <monthly>
  offers:
    match: {from_domain: acme.example, sender: offers@acme.example}
    class: marketing
    brand: acme
    purpose: offers
  sparks:
    match: {from_domain: bolt.example, sender: news@bolt.example}
    class: marketing
    brand: bolt
    purpose: sparks
  invoices:
    match: {sender: billing@acme.example}
    class: transactional
    brand: acme
default: {class: personal}
"""


def site() -> Site:
    return build(policy(load(None), {"acme.yaml": POLICY}, {}, NOW), {"acme.svg": LOGO})


class House:
    """A reader's browser, the pages, and the store behind them."""

    def __init__(self, desk: Desk, client: httpx.AsyncClient) -> None:
        self.desk = desk
        self.client = client
        self.now = float(NOW)
        desk.clock = lambda: self.now

    def token(
        self, who: str = "jo@reader.example", stream: str = "news", brand: str = "acme"
    ) -> str:
        return seal(RING, Ticket("acme", brand, stream, who.encode(), 5))

    def link(self, who: str = "jo@reader.example", stream: str = "news") -> str:
        return "/u/" + self.token(who, stream)

    async def person(self, who: str = "jo@reader.example") -> Person:
        address = Address.parse(who.encode())
        assert address
        return (await self.desk.store.look_up("acme", [address]))[0]

    async def wishes(self, who: str = "jo@reader.example") -> set[tuple[str, str, str]]:
        """Reason, scope and channel of all that stands."""
        person = await self.person(who)
        return {(one.reason.value, str(one.scope), one.channel) for one in person.suppressions}

    async def content(self) -> int:
        """Number of keys in the store."""
        return (await self.desk.store.describe())[2]

    async def get(self, path: str, language: str = "en") -> httpx.Response:
        return await self.client.get(path, headers={"Accept-Language": language})

    async def press(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """Send a form, and go where the answer sends us."""
        headers = {"Accept-Language": "en"}
        return await self.client.post(path, data=fields, headers=headers, follow_redirects=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Embedded]:
    with running() as one:
        yield one


@pytest.fixture
def settings(server: Embedded, tmp_path: Path) -> Settings:
    empty(server)
    return Settings(tmp_path, url=f"unix://{server.socket}", deadline=0.5, blip=0.0)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    opened = await Store.open(settings, RING, lambda _: None, founding=Founding.ALWAYS)
    yield opened
    await opened.close()


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
async def desk(store: Store, web: Web) -> Desk:
    return Desk(store, RING, web, site())


@pytest.fixture
async def house(desk: Desk) -> AsyncIterator[House]:
    transport = httpx.ASGITransport(application(desk), client=("192.0.2.1", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://exit.example") as client:
        yield House(desk, client)


@pytest.fixture
def counted() -> Callable[[str], float]:
    """The sum of a counter's values, whatever its labels."""
    from smtpguard import metrics

    def total(name: str) -> float:
        return sum(
            sample.value
            for family in metrics.REGISTRY.collect()
            for sample in family.samples
            if sample.name == name
        )

    return total
