"""The story that the demonstration tells."""

from __future__ import annotations

import signal
import string
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from smtpguard.cli.demo import show
from smtpguard.cli.demo.guard import LISTENERS, Guard
from smtpguard.cli.demo.letters import CLICKS, HERE, LETTERS, PHONES, PROSPECT, RESET, Letter
from smtpguard.cli.demo.pages import Pages, base, button, link
from smtpguard.cli.demo.program import ProgramFailed
from smtpguard.cli.demo.sink import Sink
from smtpguard.cli.demo.wire import Told, hand_in
from smtpguard.edit.edit import Edit
from smtpguard.mail.field import mailboxes
from smtpguard.mail.message import Message
from smtpguard.sign import verify
from smtpguard.unsubscribe.fields import ONE_CLICK

READER = "reader@example.org"
"""Who gets a message of your own."""


def demo(
    message: Annotated[
        Path | None, typer.Argument(help="A message of your own, instead of the story.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")
    ] = False,
) -> None:
    """Send real messages through a guard on this machine, and show what becomes of each."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False)
    own = _own(message) if message else None
    with tempfile.TemporaryDirectory(prefix="smtpguard-demo-") as name:
        folder = Path(name)
        policy = _policy_for(own) if own else HERE.joinpath("acme.yaml").read_text()
        try:
            with ExitStack() as stage:
                sink = stage.enter_context(closing(Sink(folder / "sink")))
                begun = time.monotonic()
                guard = stage.enter_context(closing(Guard(folder, sink.port, policy)))
                pages = stage.enter_context(closing(Pages(guard)))
                story = Story(console, guard, pages, sink)
                story.begin(time.monotonic() - begun)
                if own:
                    story.tell(own)
                else:
                    story.whole()
                if keep:
                    story.wait()
        except KeyboardInterrupt:
            console.print()
        except ProgramFailed as failure:
            typer.echo(str(failure), err=True)
            raise typer.Exit(1) from None


@dataclass
class Story:
    """Hands messages in and shows what became of them."""

    console: Console
    guard: Guard
    pages: Pages
    sink: Sink
    told: int = 0
    exit: str = ""
    """The newest link of ours that arrived."""
    signed: bool = field(default=False)
    """Our trace and signatures were shown in full."""

    def begin(self, seconds: float) -> None:
        """Who is on the stage."""
        ports = ", ".join(f"{name} on {self.guard.ports[name]}" for name in LISTENERS)
        show.heading(self.console, "The guard, and what stands behind it")
        self.console.print(
            f"The guard takes mail on 127.0.0.1 ({ports}); it was ready in {seconds:.1f} s.\n"
            f"Behind it a sink keeps what gets through (port {self.sink.port}).\n"
            f"Beside it are the exit pages, `smtpguard web` (port {self.pages.port}).\n"
            "The guard brings its own Valkey; two DKIM keys were made for this run."
        )

    def whole(self) -> None:
        """Passed, repaired, refused; suppressed, two ways; first and second contact; observed."""
        arrived = {letter: self.tell(letter)[1] for letter in LETTERS}
        self.phones(PHONES)
        self.clicks(CLICKS, arrived[CLICKS])
        self.prospect()
        self.observe()
        show.heading(self.console, "Your own")
        self.console.print("./x demo my.eml      the same with a message of yours")
        self.console.print("./x demo --keep      everything stays up, to be sent to by hand")

    def tell(self, letter: Letter) -> tuple[Told, bytes]:
        """One message: what came, which rules spoke, what was done."""
        self.told += 1
        show.came(self.console, letter, self.told)
        told, received, changes = self.send(letter)
        show.spoke(self.console, self.guard.decision())
        show.done(self.console, letter, told, changes)
        if received:
            show.changed(self.console, letter, changes, brief=self.signed)
            verified = verify(received, self.records(received))
            show.signatures(self.console, verified)
            self.signed = self.signed or bool(verified)
        return told, received

    def send(self, letter: Letter) -> tuple[Told, bytes, Sequence[Edit]]:
        """Hand it in; the answer, what the sink got (nothing when refused), and what changed."""
        before = len(self.sink.kept)
        told = hand_in(letter, self.guard.ports[letter.listener])
        arrived = self.sink.kept[before:]
        if not arrived:
            return told, b"", ()
        received = arrived[0].read_bytes()
        self.exit = button(received) or self.exit
        spans = self.guard.decision()["copies"][0]["edits"]
        return told, received, show.edits(letter.octets, received, spans)

    def records(self, received: bytes) -> dict[str, bytes]:
        """The DNS, as far as these signatures need it."""
        domains = Message(received).dkim_domains
        return {k: v for domain in domains for k, v in self.guard.records(domain).items()}

    def phones(self, letter: Letter) -> None:
        """A reader says so to somebody, who types it."""
        show.heading(self.console, f"{letter.recipient} opts out by telephone")
        said = self.guard.suppress(letter.recipient)
        self.console.print(
            f"$ smtpguard suppress add {letter.recipient} --reason objection\n{said}"
        )
        self.tell(replace(letter, title="The next newsletter to the reader who called"))

    def clicks(self, letter: Letter, received: bytes) -> None:
        """A reader opens the link in a newsletter that arrived, then presses the button."""
        self.pages.program.started()
        seen, pressed = link(received), button(received)
        show.heading(self.console, f"{letter.recipient} opens the link that the guard added")
        show.asked(self.console, "GET", seen, self.pages.open(seen))
        told, _, _ = self.send(letter)
        self.console.print(
            f"The policy's links lead to {base(seen)}, where a TLS proxy would stand;"
            f" here {self.pages.local('/')} answers for it.\n"
            "To open the page changes nothing, whoever or whatever opens it: one more newsletter"
            f" was sent, and the guard said {told.code}."
        )
        show.heading(self.console, "The same reader presses the mailbox provider's button")
        show.asked(self.console, f"POST {ONE_CLICK} to", pressed, self.pages.press(pressed))
        self.tell(replace(letter, title="The next newsletter to the reader who pressed"))
        self.tell(replace(RESET, title=f"{RESET.title}, to the same reader"))

    def prospect(self) -> None:
        """First and second contact: the notice is given once."""
        _, first = self.tell(PROSPECT)
        _, second, _ = self.send(PROSPECT)
        show.heading(self.console, "The same mail to the same prospect, first and second time")
        show.side_by_side(self.console, first, second)
        self.console.print(
            "The notice of source and rights is given once, after the next hop's 250."
        )

    def observe(self) -> None:
        """The same policy in the mode in which every new stream begins."""
        show.heading(self.console, "What observe would have done")
        self.guard.change("mode: enforce", "mode: observe")
        self.console.print("The policy was changed on disk and read again (SIGHUP).")
        stranger = replace(PROSPECT, recipient="omar@cissoko-bois.example")
        rows = []
        for letter in (*LETTERS, RESET, stranger):
            told, _, changes = self.send(letter)
            rows.append((letter, told, self.guard.decision(), changes))
        show.summary(self.console, rows)

    def wait(self) -> None:
        """Stay up until Ctrl-C or SIGTERM, and say how to send."""
        marketing = self.guard.ports["marketing"]
        show.heading(self.console, "Everything stays up; Ctrl-C ends it")
        sender = LETTERS[2].sender
        self.pages.program.started()
        newest = f"{self.pages.local(self.exit)} (the newest link; {base(self.exit)} in the mail)"
        self.console.print(
            f"Send:    curl smtp://127.0.0.1:{marketing} --mail-from {sender}"
            f" --mail-rcpt {READER} --upload-file my.eml\n"
            f"Kept in: {self.sink.folder}\n"
            f"Exit:    {newest if self.exit else self.pages.local('/')}\n"
            f"Policy:  {self.guard.policy} (edit it, then kill -HUP {self.guard.program.pid})\n"
            f"Log:     {self.guard.program.log}",
            soft_wrap=True,
        )
        signal.pause()


def _own(path: Path) -> Letter:
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None
    raw = octets if b"\r\n" in octets else octets.replace(b"\n", b"\r\n")
    author = Message(raw).first("from")
    boxes = mailboxes(author.value) if author else ()
    address = boxes[0].address if boxes else None
    if address is None:
        raise typer.BadParameter(f"{path}: a message with an address in its From is needed")
    sender = f"news@{address.domain_key}"
    return Letter(path.name, path.name, "marketing", sender, READER, raw)


def _policy_for(letter: Letter) -> str:
    author = mailboxes(str(Message(letter.octets).named("from")[0].value))[0]
    domain = letter.sender.rpartition("@")[2]
    name = "".join(c for c in author.display if c.isalnum() or c in " .,&'-") or domain
    template = string.Template(HERE.joinpath("own.yaml").read_text())
    return template.substitute(name=name.strip(), domain=domain)
