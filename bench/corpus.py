"""The messages of the benchmark: made, not collected, and the same in every run.

``text``         1 KB of plain text
``newsletter``   46 KB: text and HTML alternatives, quoted-printable, tables, some forty links
``bare``         the same without its way out, so that the guard has to write one into the body
``attachment``   1 MB: a short newsletter with a PDF beside it

All come from Acme of ``policy.yaml`` and obey its rules; none has a List-Unsubscribe field, which
the guard adds. Line ends are CRLF. ``PERSONAL`` stands where a campaign writes something of each
reader (in every link, the Message-ID, a greeting); ``load`` writes another number there each time.
"""

from __future__ import annotations

import base64
import quopri
import random
import textwrap

WORDS = (
    "delivery value season report update account customer offer service product network weekly"
    " collection review order member light summer design studio travel market credit issue team"
    " launch feature support insight data simple modern quality guide story latest preview early"
    " access free shipping limited exclusive arrivals best sellers café naïve résumé über"
)

EXIT = "https://u.acme.example/unsubscribe?u=PERSONAL&l=12"
CLOSING = "You get this because you signed up. Acme SAS, 12 rue des Lilas, 69003 Lyon"

HEADER = """\
Received: from app-17.acme.example (app-17.acme.example [127.0.0.1])
\tby mta1.acme.example (Postfix) with ESMTP id 4Xy7Kk2Zz3z1x
\tfor <someone@example.org>; Mon, 23 Nov 2026 10:00:00 +0000 (UTC)
Message-ID: <{name}.PERSONAL@news.acme.example>
Date: Mon, 23 Nov 2026 10:00:00 +0000
From: "The Acme Letter" <news@news.acme.example>
To: Someone <someone@example.org>
Subject: =?utf-8?Q?Nouveaut=C3=A9s_de_la_semaine?=
Reply-To: reply@news.acme.example
MIME-Version: 1.0
"""

STYLE = """\
<style type="text/css">
body,table,td,a{-webkit-text-size-adjust:100%;-ms-text-size-adjust:100%;}
table,td{mso-table-lspace:0pt;mso-table-rspace:0pt;} img{border:0;height:auto;outline:none;}
@media screen and (max-width:600px){.hide{display:none!important;}.col{width:100%!important;}}
div[style*="margin: 16px 0;"]{margin:0!important;}
</style>
<!--[if mso]><style>table{border-collapse:collapse;}td,div,p,a,h2{font-family:"Segoe UI";}</style>
<![endif]-->
"""

CARD = """\
<tr><td align="center" bgcolor="#ffffff" style="padding:20px 24px 12px 24px;\
font-family:Helvetica,Arial,sans-serif;font-size:16px;line-height:24px;color:#333333;">
<!--[if (gte mso 9)|(IE)]><table align="center" border="0" cellspacing="0" cellpadding="0" \
width="600"><tr><td align="center" valign="top" width="600"><![endif]-->
<table role="presentation" border="0" cellpadding="0" cellspacing="0" width="100%" \
style="max-width:600px;"><tr>
<td class="col" width="200" valign="top" style="padding:0 12px 0 0;"><a href="{link1}" \
target="_blank" style="color:#1a82e2;text-decoration:none;"><img \
src="https://cdn.acme.example/img/{number:04d}/hero@2x.jpg" alt="{four}" width="200" height="160" \
style="display:block;width:100%;max-width:200px;border-radius:6px;" border="0" /></a></td>
<td class="col" valign="top"><h2 style="margin:0 0 8px 0;font-size:20px;font-weight:700;\
letter-spacing:-0.5px;line-height:26px;">{six}</h2>
<p style="margin:0 0 12px 0;">{long} <a href="{link2}" style="color:#1a82e2;">{three}</a> {more}</p>
<table role="presentation" border="0" cellpadding="0" cellspacing="0"><tr><td align="center" \
bgcolor="#1a82e2" style="border-radius:6px;"><a href="{link3}" target="_blank" \
style="display:inline-block;padding:12px 28px;font-size:16px;color:#ffffff;text-decoration:none;\
border-radius:6px;">Read more&nbsp;&rarr;</a></td></tr></table></td>
</tr></table>
<!--[if (gte mso 9)|(IE)]></td></tr></table><![endif]-->
</td></tr>
"""

PAGE = """\
<!DOCTYPE html>
<html lang="en" xmlns:v="urn:schemas-microsoft-com:vml">
<head><meta charset="utf-8"><title>The Acme Letter</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
{style}</head>
<body style="margin:0;padding:0;background-color:#e9ecef;">
<div class="preheader" style="display:none;max-width:0;max-height:0;overflow:hidden;\
font-size:1px;line-height:1px;color:#fff;opacity:0;">{preheader}</div>
<table role="presentation" border="0" cellpadding="0" cellspacing="0" width="100%">
<tr><td align="center"><a href="{view}">View in browser</a></td></tr>
{cards}<tr><td align="center" style="padding:24px;font-size:12px;color:#666;">{legal}<br>{closing}\
{way_out}</td></tr></table></body></html>
"""

WAY_OUT = (
    '<br><a href="{exit}" style="color:#666;text-decoration:underline;">Unsubscribe</a> or'
    ' <a href="https://u.acme.example/prefs?u=PERSONAL">update your preferences</a>.'
)


class Writer:
    """Writes text that reads like nothing and weighs like mail."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.words = WORDS.split()

    def sentence(self, words: int) -> str:
        text = " ".join(self.dice.choice(self.words) for _ in range(words))
        return f"{text[0].upper()}{text[1:]}."

    def link(self, number: int) -> str:
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
        token = "".join(self.dice.choice(letters) for _ in range(152))
        source = "utm_source=newsletter&amp;utm_medium=email"
        return (
            f"https://click.acme.example/ls/click?upn=PERSONAL{token}&amp;c={number}&amp;{source}"
        )

    def card(self, number: int) -> str:
        return CARD.format(
            number=number,
            link1=self.link(number),
            link2=self.link(number),
            link3=self.link(number),
            three=self.sentence(3),
            four=self.sentence(4),
            six=self.sentence(6),
            long=self.sentence(38),
            more=self.sentence(24),
        )

    def page(self, cards: int, way_out: bool) -> str:
        return PAGE.format(
            style=STYLE,
            preheader=f"PERSONAL, {self.sentence(12)}",
            view=self.link(0),
            cards="".join(self.card(number) for number in range(1, cards + 1)),
            legal=self.sentence(20),
            closing=CLOSING,
            way_out=WAY_OUT.format(exit=EXIT.replace("&", "&amp;")) if way_out else "",
        )

    def plain(self, paragraphs: int, way_out: bool) -> str:
        texts = [
            "\n".join(textwrap.wrap(self.sentence(50), 74))
            + f"\nhttps://click.acme.example/t/{n}/PERSONAL"
            for n in range(paragraphs)
        ]
        return "\n\n".join([*texts, CLOSING, *([f"Unsubscribe: {EXIT}"] if way_out else [])])


def _quoted(kind: str, text: str) -> str:
    octets = quopri.encodestring(text.encode()).decode()
    head = f"Content-Type: {kind}; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n"
    return f"{head}\n{octets}\n"


def _multipart(kind: str, boundary: str, *parts: str) -> str:
    body = "".join(f"--{boundary}\n{part}" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{body}--{boundary}--\n'


def _letter(writer: Writer, cards: int, *, way_out: bool = True) -> str:
    plain = _quoted("text/plain", writer.plain(cards, way_out))
    page = _quoted("text/html", writer.page(cards, way_out))
    return _multipart("alternative", "=_letter_4f7a9c", plain, page)


def messages() -> dict[str, bytes]:
    """Every message by name, as it goes over the wire, dots not stuffed."""
    writer = Writer(20261)
    words = "\n".join(textwrap.wrap(writer.sentence(45), 72))
    text = f"{words}\n\n.a line that begins with a dot\n\n{CLOSING}\nUnsubscribe: {EXIT}\n"
    plain = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}"
    pdf = base64.encodebytes(writer.dice.randbytes(745_000)).decode()
    attached = (
        'Content-Type: application/pdf; name="report.pdf"\nContent-Transfer-Encoding: base64\n'
        f'Content-Disposition: attachment; filename="report.pdf"\n\n{pdf}'
    )
    bodies = {
        "text": plain,
        "newsletter": _letter(writer, 13),
        "bare": _letter(writer, 13, way_out=False),
        "attachment": _multipart("mixed", "=_outer_77", _letter(writer, 3), attached),
    }
    return {
        name: (HEADER.format(name=name) + body).replace("\n", "\r\n").encode()
        for name, body in bodies.items()
    }
