"""`smtpguard serve` asks its exits before it takes mail, and serves whatever they say."""

from __future__ import annotations

from tests.service.conftest import STRICT, Service

EXIT = """\
brands: {acme: {from_domains: [acme.fr], unsubscribe: {url: "http://127.0.0.1:9"}}}
streams: {news: {class: marketing, match: {from_domain: acme.fr, sender: news@acme.fr}}}
"""


def test_an_exit_that_is_silent_is_told_of_before_mail_is_taken(service: Service) -> None:
    service.policy.write_text(STRICT + EXIT)
    service.settings["exits"] = {"check": True, "every": "1s"}
    service.settings["workers"] = 1
    service.start()
    assert len(service.lines("error: exit-silent: url=http://127.0.0.1:9")) == 1
    assert service.answer() == 550
    service.signal(15)
    assert service.ended() == 0


def test_without_being_told_to_it_asks_nobody(service: Service) -> None:
    service.policy.write_text(STRICT + EXIT)
    service.start()
    assert service.answer() == 550
    assert service.lines("exit-silent") == []
