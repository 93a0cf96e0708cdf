"""An answer and what it carries."""

import pytest
from starlette.requests import Request

from smtpguard.web.pages import HEADERS, asset, line, notice, see_other
from smtpguard.web.site import Asset, Party
from smtpguard.web.wording import LANGUAGES, WORDINGS

NOBODY = Party("", "", style="x.css")


@pytest.mark.parametrize("kind", ["unknown", "trouble", "limit", "missing"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_notice_in_every_language(kind: str, language: str) -> None:
    words = WORDINGS[language]
    answer = notice(kind, words, NOBODY, 404)
    text = bytes(answer.body).decode()
    assert f"<title>{words.plain(kind + '_title')}</title>" in text
    assert answer.headers["content-language"] == language
    assert all(answer.headers[name] == value for name, value in HEADERS.items())


def test_only_a_503_asks_to_come_again() -> None:
    words = WORDINGS["en"]
    for status in (200, 404, 503):
        for answer in (line("x", status), notice("trouble", words, NOBODY, status)):
            assert ("retry-after" in answer.headers) is (status == 503)


@pytest.mark.parametrize(
    ("query", "place", "location"),
    [
        (b"", "../a/b", "../a/b"),
        (b"l=fr", "../a/b", "../a/b?l=fr"),
        (b"l=fr", "b?saved=1", "b?saved=1&l=fr"),
        (b"l=xx", "../a/b", "../a/b"),
        (b"l=fr%0d%0aX:1", "../a/b", "../a/b"),
    ],
)
def test_the_language_of_the_link_is_kept(query: bytes, place: str, location: str) -> None:
    request = Request({"type": "http", "query_string": query, "headers": []})
    answer = see_other(request, place)
    assert (answer.status_code, answer.headers["location"]) == (303, location)


def test_a_file_is_kept_for_ever_and_runs_nothing() -> None:
    answer = asset(Asset(b"<svg/>", "image/svg+xml"))
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "sandbox" in answer.headers["content-security-policy"]
