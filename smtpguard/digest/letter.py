"""A mail to the owner of a stream: plain text, sent by nobody, answered by nobody (RFC 3834)."""

from __future__ import annotations

import textwrap
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from smtpguard.digest.news import ENDED, LASTS
from smtpguard.digest.wording import moment, sentence, steps
from smtpguard.store.outbox import Event, Job

WIDTH = 72
FORM = SMTP.clone(max_line_length=200)
"""A subject is one line: folded at 78, it begins with an empty one."""


def letter(job: Job, *, sender: str, hostname: str, company: str) -> bytes:
    """The message, CRLF line ends, 7 bit; the same octets at every try."""
    event = job.event
    mail = EmailMessage(policy=FORM)
    mail["From"] = f"smtpguard <{sender}>"
    mail["To"] = event["to"]
    mail["Subject"] = f"[smtpguard] {subject(event)}"
    mail["Date"] = formatdate(job.at)
    mail["Message-ID"] = f"<{job.id}@{hostname}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Loop"] = sender
    mail.set_content(
        text(event, hostname=hostname, company=company), charset="utf-8", cte="quoted-printable"
    )
    return mail.as_bytes()


def subject(event: Event) -> str:
    """What it is about, in one line."""
    language = event["language"]
    rules = dict.fromkeys(fault["rule"] for fault in event["faults"])
    facts = {"streams": _streams(event), "fault": ", ".join(rules)}
    said = sentence(language, f"subject_{event['cause']}", **facts)
    return sentence(language, "subject_ended", subject=said) if "until" in event else said


def text(event: Event, *, hostname: str, company: str) -> str:
    """What happened, how much, what to do."""
    language, cause = event["language"], event["cause"]
    over = "until" in event
    facts = {
        "since": moment(language, event["since"]),
        "until": moment(language, event.get("until", 0)),
        "streams": _streams(event),
        "url": event.get("url", ""),
    }
    said = sentence(language, f"{'ended' if over else 'begun'}_{cause}", **facts)
    if event["type"] == LASTS:
        said = f"{sentence(language, 'lasts')} {said}"
    pieces = [_wrapped(said), *_faults(event)]
    if unclean := event.get("unclean"):
        pieces.append(_wrapped(sentence(language, "unclean", unclean=unclean)))
    if event["type"] != ENDED:
        pieces.append(_todo(event))
    pieces.append(_wrapped(sentence(language, "why", company=company)))
    pieces.append(f"-- \n{sentence(language, 'sign', hostname=hostname)}")
    return "\n\n".join(pieces) + "\n"


def _faults(event: Event) -> list[str]:
    language = event["language"]
    found = []
    for fault in event["faults"]:
        several = len(event["streams"]) > 1
        count = sentence(language, "count_stream" if several else "count", **fault)
        lines = [fault["rule"], _wrapped(fault["says"]), count]
        lines.append(f"{sentence(language, 'more')} {fault['more']}")
        found.append(textwrap.indent("\n".join(lines), "  "))
    return found


def _todo(event: Event) -> str:
    language = event["language"]
    lines = [sentence(language, "todo")]
    for number, step in enumerate(steps(language, f"todo_{event['cause']}"), 1):
        lines.append(_wrapped(step, first=f"{number}. ", rest="   "))
    return "\n".join(lines)


def _wrapped(said: str, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        said,
        WIDTH - 2,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _streams(event: Event) -> str:
    return ", ".join(f"{event['controller']}/{name}" for name in event["streams"])
