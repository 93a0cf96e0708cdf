"""The footer, written: as plain text (RFC 3676 where the part is flowed) and as HTML.

The HTML is pure ASCII, so that it means the same in every charset and transfer encoding, and
states its own colours, size and direction, because it cannot know what surrounds it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from smtpguard.edit.fix import Paragraph
from smtpguard.unsubscribe.link import Exit

WIDTH = 76
"""Columns of a wrapped line."""
RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "iw", "ps", "ur", "yi"})

_LINKABLE = re.compile(
    r"(?P<exit>\{exit\})"
    r"|(?P<url>https?://[^\s<>\"{}]*[^\s<>\"{}.,;:!?)\]'»”])"
    r"|(?P<mail>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})"
)
_BLOCK = (
    "display:block;clear:both;margin:16px 0 0 0;padding:12px 16px;background-color:#ffffff;"
    "color:#333333;font-family:Arial,Helvetica,sans-serif;font-size:13px;font-weight:normal;"
    "line-height:1.5;text-indent:0"
)
_PARAGRAPH = "margin:0 0 6px 0;color:#333333;font-size:13px"
_LINK = "color:#0b57d0;text-decoration:underline"


def filled(paragraph: Paragraph, exit_: Exit) -> str:
    """The paragraph's text with the reader's own link in its place."""
    return paragraph.text.replace("{exit}", exit_.url or exit_.mailto)


def labelled(paragraph: Paragraph, exit_: Exit) -> str:
    """The paragraph's text as HTML shows it: the label where the link stands."""
    return paragraph.text.replace("{exit}", paragraph.label or exit_.url or exit_.mailto)


def plain(texts: Sequence[str], *, flowed: bool, delsp: bool, wrapped: bool) -> list[str]:
    """The lines of the footer, an empty one between two paragraphs, without line ends.

    ``wrapped`` lines hold 76 columns, except for a word that is longer, such as a link.
    """
    lines: list[str] = []
    for text in texts:
        if lines:
            lines.append("")
        words = text.split()
        cut = _wrapped(words)
        if flowed:
            soft = "  " if delsp else " "
            lines += [_stuffed(line) + soft for line in cut[:-1]] + [_stuffed(cut[-1])]
        else:
            lines += cut if wrapped else [" ".join(words)]
    return lines


def _wrapped(words: Sequence[str]) -> list[str]:
    """As many words on each line as it holds, and at least one."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _stuffed(line: str) -> str:
    """RFC 3676 §4.4."""
    return f" {line}" if line.startswith((" ", ">", "From ")) else line


def markup(paragraphs: Sequence[Paragraph], exit_: Exit, language: str) -> bytes:
    """One ``<div>`` with a ``<p>`` a paragraph, in pure ASCII, lines ended by CRLF."""
    direction, side = ("rtl", "right") if language[:2] in RIGHT_TO_LEFT else ("ltr", "left")
    rows = [f'<p style="{_PARAGRAPH}">{_linked(each, exit_)}</p>' for each in paragraphs]
    opening = (
        f'<div lang="{escape(language)}" dir="{direction}" style="{_BLOCK};text-align:{side}">'
    )
    text = "\r\n".join([opening, *rows, "</div>", ""])
    return text.encode("ascii", "xmlcharrefreplace")


def _linked(paragraph: Paragraph, exit_: Exit) -> str:
    pieces: list[str] = []
    at = 0
    for match in _LINKABLE.finditer(paragraph.text):
        pieces.append(escape(paragraph.text[at : match.start()]))
        target = shown = match[0]
        if match["exit"]:
            target = exit_.url or exit_.mailto
            shown = paragraph.label or target
        elif match["mail"]:
            target = f"mailto:{match[0]}"
        pieces.append(f'<a href="{escape(target)}" style="{_LINK}">{escape(shown)}</a>')
        at = match.end()
    return "".join([*pieces, escape(paragraph.text[at:])])
