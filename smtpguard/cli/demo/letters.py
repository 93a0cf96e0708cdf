"""The messages of the demonstration, and who sends them to whom."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

HERE = files("smtpguard.cli.demo")


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on its way."""

    file: str
    title: str
    listener: str
    """``marketing`` or ``apps``: where it is handed in."""
    sender: str
    recipient: str
    raw: bytes = b""
    """CRLF line ends; read from ``file`` where it is ours."""

    @property
    def octets(self) -> bytes:
        """The message as it is handed in."""
        return self.raw or HERE.joinpath("letters", self.file).read_bytes()


LETTERS = (
    Letter(
        "personal.eml",
        "A colleague answers a client (French, plain text)",
        "apps",
        "claire.martin@acme.example",
        "jeanne.moreau@atelier-moreau.example",
    ),
    Letter(
        "invoice.eml",
        "An invoice with its PDF (Italian, ISO-8859-15)",
        "apps",
        "billing@acme.example",
        "amministrazione@studio-bianchi.example",
    ),
    Letter(
        "newsletter-fr.eml",
        "A newsletter with a PDF (French, text and HTML)",
        "marketing",
        "lettre@news.acme.example",
        "jeanne.moreau@atelier-moreau.example",
    ),
    Letter(
        "newsletter-it.eml",
        "A newsletter without a way out (Italian, plain text)",
        "marketing",
        "notizie@news.acme.example",
        "luca@studio-bianchi.example",
    ),
    Letter(
        "newsletter-en.eml",
        "A newsletter whose way out nobody can see (English, HTML)",
        "marketing",
        "letter@news.acme.example",
        "tom@baker-architects.example",
    ),
    Letter(
        "pixel.eml",
        "An offer that reports who opens it (French, HTML)",
        "marketing",
        "lettre@news.acme.example",
        "paul@lefevre-construction.example",
    ),
    Letter(
        "smime.eml",
        "New terms, signed with S/MIME (English)",
        "marketing",
        "letter@news.acme.example",
        "tom@baker-architects.example",
    ),
    Letter(
        "placeholder.eml",
        "An invitation whose template was not filled in (French)",
        "marketing",
        "lettre@news.acme.example",
        "paul@lefevre-construction.example",
    ),
)

RESET = Letter(
    "reset.eml",
    "A password reset (English, text and HTML)",
    "apps",
    "accounts@acme.example",
    "tom@baker-architects.example",
)

PROSPECT = Letter(
    "prospect.eml",
    "A first mail to a prospect (French)",
    "marketing",
    "claire.martin@acme.example",
    "nadia@haddad-architectes.example",
)

PHONES, CLICKS = LETTERS[2], LETTERS[4]
"""Their readers opt out in the middle of the story."""
