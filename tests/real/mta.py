"""Real programs on loopback: private instances of Postfix, and the guard between them."""

from __future__ import annotations

import os
import re
import shutil
import smtplib
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from functools import partial
from pathlib import Path

from tests.processes import Logged, until

ID = re.compile(rb"^Message-ID: <([\w.-]+)@acme\.fr>", re.MULTILINE | re.IGNORECASE)
READER = re.compile(rb"^X-Original-To: (\S+)", re.MULTILINE)

MASTER = """\
postlog   unix-dgram n  -  n  -  1  postlogd
pickup    unix  n  -  n  60  1  pickup
cleanup   unix  n  -  n  -  0  cleanup
qmgr      unix  n  -  n  300  1  qmgr
tlsmgr    unix  -  -  n  1000?  1  tlsmgr
rewrite   unix  -  -  n  -  -  trivial-rewrite
bounce    unix  -  -  n  -  0  bounce
defer     unix  -  -  n  -  0  bounce
trace     unix  -  -  n  -  0  bounce
verify    unix  -  -  n  -  1  verify
flush     unix  n  -  n  1000?  0  flush
proxymap  unix  -  -  n  -  -  proxymap
smtp      unix  -  -  n  -  -  smtp
lmtp      unix  -  -  n  -  -  lmtp
relay     unix  -  -  n  -  -  smtp
showq     unix  n  -  n  -  -  showq
error     unix  -  -  n  -  -  error
retry     unix  -  -  n  -  -  error
discard   unix  -  -  n  -  -  discard
virtual   unix  -  n  n  -  -  virtual
anvil     unix  -  -  n  -  1  anvil
scache    unix  -  -  n  -  1  scache
"""


def greets(port: int) -> bool:
    """Somebody speaks SMTP there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            if line.recv(512).startswith(b"220"):
                line.sendall(b"QUIT\r\n")
                return True
    except OSError:
        pass
    return False


def more(one: Logged, words: str) -> Callable[[], bool]:
    """Whether it has logged these words once more than now."""
    before = len(one.lines(words))
    return lambda: len(one.lines(words)) > before


class Postfix:
    """One private instance: own configuration, own queue, own mailboxes."""

    def __init__(
        self,
        folder: Path,
        *,
        ports: Mapping[int, Iterable[str]],
        mailboxes: Iterable[str] = (),
        services: str = "",
        **main: object,
    ) -> None:
        """``ports``: options of the smtpd on each; ``mailboxes``: domains delivered here."""
        self.folder = folder
        self.log = folder / "log"
        self.mail = folder / "mail"
        self._config = folder / "etc"
        for name in ("etc", "queue", "data", "mail"):
            (folder / name).mkdir(parents=True)
        for parent in (folder, *folder.parents[:3]):
            if parent.stat().st_uid == os.getuid():
                parent.chmod(parent.stat().st_mode | 0o755)
        self.log.touch()
        shutil.chown(self.log, "postfix")  # its tools write to it while its logger is down
        shutil.chown(folder / "data", "postfix")
        shutil.chown(folder / "mail", "nobody")
        domains = " ".join(mailboxes)
        settings: dict[str, object] = {
            "compatibility_level": "3.6",
            "queue_directory": folder / "queue",
            "data_directory": folder / "data",
            "maillog_file": self.log,
            "maillog_file_prefixes": folder,
            "myhostname": f"{folder.name}.postfix.test",
            "mydestination": "",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "smtp_tls_security_level": "none",
            "lmtp_tls_security_level": "none",
            "smtpd_peername_lookup": "no",
            "smtp_host_lookup": "native",
            "lmtp_host_lookup": "native",
            "disable_dns_lookups": "yes",
            "alias_maps": "",
            "local_recipient_maps": "",
            "virtual_mailbox_domains": domains,
            "virtual_mailbox_base": self.mail,
            "virtual_mailbox_maps": "static:all/" if domains else "",
            "virtual_minimum_uid": "1",
            "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534",
            "virtual_mailbox_limit": "0",
            "in_flow_delay": "0",
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s",
            "queue_run_delay": "1s",
            "message_size_limit": "52428800",
        }
        settings |= main
        (self._config / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))
        self.ports = {port: tuple(options) for port, options in ports.items()}
        self._services = MASTER + services
        self._say_master(self.ports)

    def start(self) -> None:
        """Run until every port greets."""
        done = subprocess.run(
            ["postfix", "-c", str(self._config), "start"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr + self.trouble()
        for port in self.ports:
            until(partial(greets, port), f"Postfix on {port}", self)

    def stop(self) -> None:
        """End every process of it."""
        subprocess.run(
            ["postfix", "-c", str(self._config), "stop"],
            capture_output=True,
            timeout=60,
            check=False,
        )

    def close(self, port: int) -> None:
        """That listener goes, and whoever is connected to it is cut off."""
        self._say_master(other for other in self.ports if other != port)
        self._reload()
        until(lambda: not greets(port), f"nobody on {port}", self)

    def open(self) -> None:
        """Every listener is there again."""
        self._say_master(self.ports)
        self._reload()
        for port in self.ports:
            until(partial(greets, port), f"Postfix on {port}", self)

    def emptied(self) -> bool:
        """Whether nothing is queued; what is will be tried now.

        Postfix leaves a file that was locked when it looked alone for a minute.
        """
        if not self.queued():
            return True
        subprocess.run(["postqueue", "-c", str(self._config), "-f"], check=True, timeout=60)
        return False

    def queued(self) -> int:
        """Messages that are not delivered yet."""
        folders = ("incoming", "active", "deferred", "maildrop", "hold")
        return sum(
            1 for f in folders for _ in (self.folder / "queue" / f).rglob("[0-9A-F]*[0-9A-F]")
        )

    def mails(self, number: str = "") -> list[bytes]:
        """What stands in the mailboxes; with a number, only that mail and reports of it."""
        mark = f"<{number}@acme.fr>".encode() if number else b""
        mails = [path.read_bytes() for path in sorted(self._arrived())]
        return [mail for mail in mails if mark in mail]

    def count(self) -> int:
        """How many mails stand in the mailboxes."""
        return sum(1 for _ in self._arrived())

    def copies(self) -> Counter[tuple[str, str]]:
        """How often each id stands in each reader's mailbox."""
        found = ((ID.search(mail), READER.search(mail)) for mail in self.mails())
        return Counter((a[1].decode(), b[1].decode()) for a, b in found if a and b)

    def lines(self, words: str) -> list[str]:
        """What its log says with these words in it."""
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [line for line in log.splitlines() if words in line]

    def trouble(self) -> str:
        """The end of its log."""
        return "\n".join(self.lines("")[-30:])

    def _arrived(self) -> Iterable[Path]:
        return (self.mail / "all" / "new").glob("*")

    def _say_master(self, ports: Iterable[int]) -> None:
        listeners = "".join(
            f"127.0.0.1:{port} inet n - n - - smtpd\n"
            + "".join(f"  -o {one}\n" for one in self.ports[port])
            for port in ports
        )
        (self._config / "master.cf").write_text(listeners + self._services)

    def _reload(self) -> None:
        subprocess.run(
            ["postfix", "-c", str(self._config), "reload"],
            capture_output=True,
            check=True,
            timeout=60,
        )


def message(number: str, body: str = "", **fields: str) -> bytes:
    """A mail with an id that counts."""
    mail = EmailMessage()
    given = {
        "From": "Acme <news@acme.fr>",
        "To": "reader@client.fr",
        "Subject": "Nos nouveautés",
        "Date": "Mon, 23 Nov 2026 10:00:00 +0000",
        "Message-ID": f"<{number}@acme.fr>",
        **fields,
    }
    for name, value in given.items():
        mail[name] = value
    mail.set_content(body or "Bonjour, voici nos prix du mois.\n\nAcme SAS\n", cte="8bit")
    return mail.as_bytes().replace(b"\n", b"\r\n")


def send(
    port: int,
    mail: bytes,
    *recipients: str,
    sender: str = "news@acme.fr",
    mail_options: Iterable[str] = (),
    rcpt_options: Iterable[str] = (),
) -> dict[str, tuple[int, bytes]]:
    """Hand a mail to a server: who was refused. ``smtplib`` raises where that is everybody."""
    options = ["BODY=8BITMIME", *mail_options]
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        return client.sendmail(
            sender, recipients or ("reader@client.fr",), mail, options, list(rcpt_options)
        )


def together(*acts: Callable[[], object]) -> None:
    """Do all of it at the same time: programs take their time to start."""
    with ThreadPoolExecutor(len(acts)) as threads:
        for done in [threads.submit(act) for act in acts]:
            done.result()
