"""The exit pages in Chromium: used as a reader does, judged by axe-core, and photographed.

The pictures are left in ``tests/real/pages/shots``: look at them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from smtpguard.keys import Keyring
from smtpguard.store.keyfiles import load_ring
from smtpguard.unsubscribe.link import Ticket, seal
from smtpguard.unsubscribe.why import Refusal, mint
from smtpguard.web.wording import LANGUAGES, WORDINGS

pytestmark = pytest.mark.real

HERE = Path(__file__).parent / "pages"
ROOT = Path(__file__).parents[2]
SHOTS = HERE / "shots"
AXE = ROOT / ".venv" / "pages" / "node_modules" / "axe-core" / "axe.min.js"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}
POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
privacy_url: https://acme.example/privacy
rights_contact: dpo@acme.example
brands:
  acme:
    names: [Acme]
    from_domains: [acme.example]
    languages: [fr, it, en]
    look: {colour: "#00bb55", logo: acme.svg}
  bolt:
    names: [Bolt Energy]
    from_domains: [bolt.example]
    look: {colour: "#ffd400"}
streams:
  newsletter:
    match: {from_domain: acme.example}
    class: marketing
    brand: acme
    purpose: nouvelles mensuelles pour les professionnels du bâtiment
  sparks:
    match: {from_domain: bolt.example}
    class: marketing
    brand: bolt
    purpose: the weekly price of electricity
default: {class: personal}
"""


@dataclass
class Site:
    """A running ``smtpguard web``."""

    base: str
    status: str
    ring: Keyring
    config: Path
    process: subprocess.Popen[str]

    def link(self, who: str, stream: str = "newsletter") -> str:
        brand = "acme" if stream == "newsletter" else "bolt"
        ticket = Ticket("acme", brand, stream, f"{who}@reader.example".encode(), 5)
        return f"{self.base}/u/{seal(self.ring, ticket)}"

    def get(self, url: str) -> str:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "smtpguard", *words, "-c", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    home = Path(tempfile.mkdtemp(prefix="sg-"))
    (home / "policies").mkdir()
    (home / "policies" / "acme.yaml").write_text(POLICY)
    shutil.copy(HERE / "acme.svg", home / "policies")
    config = home / "smtpguard.yaml"
    config.write_text(
        'state: state\npolicies: policies\nweb: {listen: "127.0.0.1:0", status: "127.0.0.1:0"}\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "smtpguard", "web", "-c", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    said = process.stdout.readline()
    places = dict(re.findall(r"listen_(\w+)=([\d.:]+)", said))
    assert set(places) == {"web", "status"}, said + process.stdout.read()
    yield Site(
        f"http://{places['web']}",
        f"http://{places['status']}",
        load_ring(home / "state" / "keys"),
        config,
        process,
    )
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    process.stdout.close()
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium")
    assert found
    SHOTS.mkdir(exist_ok=True)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=sandbox)
        yield browser
        browser.close()


@dataclass
class Reader:
    """Somebody with a browser; every page they see is judged and photographed."""

    context: BrowserContext
    page: Page
    name: str
    seen: list[str]

    def look(self, what: str) -> None:
        """Judge the page, and keep its picture."""
        self.page.screenshot(path=SHOTS / f"{self.name}-{what}.png", full_page=True)
        self.page.evaluate(AXE.read_text())
        found: dict[str, Any] = self.page.evaluate(
            "tags => axe.run({runOnly: tags, resultTypes: ['violations', 'incomplete']})", STANDARDS
        )
        faults = [(one["id"], [n["html"] for n in one["nodes"]]) for one in found["violations"]]
        assert not faults, json.dumps(faults, indent=1)
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not self.page.evaluate(wide), f"{what} is wider than the screen"
        self.seen.append(what)


@pytest.fixture
def reader(chromium: Browser, site: Site) -> Iterator[Any]:
    opened: list[BrowserContext] = []
    strangers: list[str] = []

    def come(name: str, **options: Any) -> Reader:
        # The page's own policy forbids what axe-core needs; what the page itself asks for is
        # still held against it, below.
        context = chromium.new_context(bypass_csp=True, **options)
        opened.append(context)
        page = context.new_page()

        def asked(request: Request) -> None:
            if not request.url.startswith(site.base):
                strangers.append(request.url)

        page.on("request", asked)
        return Reader(context, page, name, [])

    yield come
    for context in opened:
        context.close()
    assert strangers == [], "a page asks somebody else for something"


@pytest.mark.parametrize("screen", list(SCREENS))
@pytest.mark.parametrize("language", ["en", "fr", "de"])
def test_a_reader_leaves_changes_their_mind_and_asks(
    site: Site, reader: Any, language: str, screen: str
) -> None:
    words = WORDINGS[language]
    one = reader(f"{language}-{screen}", locale=language, **SCREENS[screen])
    page, link = one.page, site.link(f"{language}.{screen}")

    def heading(key: str) -> None:
        assert page.locator("h1").inner_text() == words.plain(f"{key}_heading")

    page.goto(link)
    heading("ask")
    one.look("1-ask")
    page.get_by_role("button", name=words.plain("ask_button")).click()
    heading("left")
    one.look("2-left")
    page.reload()
    heading("left")
    page.get_by_role("button", name=words.plain("mistake")).click()
    heading("undone")
    one.look("3-undone")
    page.goto(link)
    page.get_by_role("button", name=words.plain("ask_button")).click()
    page.get_by_role("button", name=words.plain("more_all", company="Acme SAS")).click()
    heading("left")
    one.look("4-left-all")
    page.get_by_role("link", name=words.plain("choices")).click()
    heading("preferences")
    assert page.locator("input[type=checkbox]:checked").count() == 0
    page.get_by_label("the weekly price of electricity").check()
    page.get_by_role("button", name=words.plain("preferences_save")).click()
    assert page.get_by_role("status").inner_text() == words.plain("preferences_saved")
    assert page.locator("input[type=checkbox]:checked").count() == 1
    one.look("5-preferences")
    page.get_by_role("link", name=words.plain("rights")).click()
    heading("rights")
    one.look("6-rights")
    page.get_by_label(words.plain("rights_erasure"), exact=True).check()
    page.get_by_label(words.plain("rights_note")).fill("Merci <b>d’avance</b>")
    page.get_by_role("button", name=words.plain("rights_send")).click()
    heading("requested")
    one.look("7-requested")
    page.goto(link)
    heading("already")
    one.look("8-already")
    assert len(one.seen) == 8


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_every_language(site: Site, reader: Any, language: str) -> None:
    one = reader(f"all-{language}", locale=language, **SCREENS["phone"])
    link = site.link(f"every.{language}", "sparks")
    one.page.goto(link)
    one.look("ask")
    rights = one.page.locator("ul.onward a").nth(1).get_attribute("href")
    one.page.goto(f"{site.base}/u/{rights}")
    one.look("rights")
    one.page.goto(mint(site.ring, site.base + "/why", refusal(language)))
    one.page.locator("summary").click()
    one.look("why")
    one.page.goto(site.base + "/u/none")
    one.look("unknown")


def test_by_night(site: Site, reader: Any) -> None:
    one = reader("night", locale="en", color_scheme="dark", **SCREENS["desktop"])
    for stream in ("newsletter", "sparks"):
        one.page.goto(site.link("night", stream))
        one.look(f"{stream}-ask")
        one.page.locator("button.first").click()
        one.look(f"{stream}-left")
        one.page.locator("ul.onward a").nth(1).click()
        one.look(f"{stream}-rights")


def test_with_the_keyboard_alone_and_large_letters(site: Site, reader: Any) -> None:
    """Zoomed to 400 % a desktop is 320 pixels wide (WCAG 2.2, reflow)."""
    one = reader("zoomed", locale="nl", viewport={"width": 320, "height": 256})
    one.page.goto(site.link("keys"))
    one.page.keyboard.press("Tab")
    assert one.page.evaluate("document.activeElement.className") == "first"
    one.page.keyboard.press("Enter")
    one.page.wait_for_url("**/left-stream/*")
    one.look("left")


def test_from_right_to_left(site: Site, reader: Any) -> None:
    one = reader("rtl", locale="fr", **SCREENS["phone"])
    one.page.goto(site.link("rtl"))
    one.page.evaluate("document.documentElement.dir = 'rtl'")
    one.look("ask")


def test_it_runs_under_its_own_policy_and_without_script(chromium: Browser, site: Site) -> None:
    context = chromium.new_context(java_script_enabled=False, locale="it")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(site.link("plain"))
    page.locator("button.first").click()
    assert page.locator("h1").inner_text() == WORDINGS["it"].plain("left_heading")
    logo = page.locator("img.logo")
    assert logo.bounding_box()["height"] > 20  # type: ignore[index]
    assert said == []
    assert context.cookies() == []
    context.close()


def test_the_number_is_printed(chromium: Browser, site: Site) -> None:
    context = chromium.new_context(locale="en")
    page = context.new_page()
    page.goto(site.link("print"))
    page.locator("button.first").click()
    page.emulate_media(media="print")
    assert page.locator(".number").is_visible()
    assert not page.get_by_role("button").first.is_visible()
    page.screenshot(path=SHOTS / "print-left.png", full_page=True)
    context.close()


def test_the_operator_sees_what_was_asked(site: Site, reader: Any) -> None:
    one = reader("operator", locale="fr")
    one.page.goto(site.link("marie"))
    one.page.locator("ul.onward a").nth(1).click()
    one.page.get_by_label("Accès", exact=True).check()
    one.page.get_by_label("Une précision (facultatif)").fill("Bonjour.")
    one.page.locator("button.first").click()
    number = one.page.locator(".number strong").inner_text()
    assert number in site.run("requests", "list").stdout
    shown = site.run("requests", "show", number).stdout
    assert "marie@reader.example" in shown
    assert "Bonjour." in shown
    assert site.run("requests", "done", number).returncode == 0
    assert number not in site.run("requests", "list").stdout
    assert site.run("requests", "done", number).returncode == 65
    assert 'smtpguard_rights_requests_total{kind="access"}' in site.get(site.status + "/metrics")


def test_a_reload_is_whole_or_not_at_all(site: Site) -> None:
    policy = site.config.parent / "policies" / "acme.yaml"
    link = site.link("reload")
    assert "Acme SAS" in site.get(link)
    policy.write_text(POLICY.replace("legal_name", "legal_nam"))
    site.process.send_signal(signal.SIGHUP)
    assert site.process.stdout
    while "reload-refused" not in site.process.stdout.readline():
        pass
    assert "Acme SAS" in site.get(link)
    policy.write_text(POLICY.replace("Acme SAS", "Acme Renamed SA"))
    site.process.send_signal(signal.SIGHUP)
    while not site.process.stdout.readline().startswith("reloaded"):
        pass
    assert "Acme Renamed SA" in site.get(link)


def refusal(language: str) -> Refusal:
    return Refusal("hidden-unsubscribe-link", "contrast", "550 5.6.0", language, int(time.time()))
