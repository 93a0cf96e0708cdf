"""What an operator writes: the shape of a policy file and of a pack, word for word.

One ``Model`` a mapping; what a value means is said in its docstring, which editors show through
the JSON Schema. Nothing here is used after ``parse`` has compiled it.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, get_args

from smtpguard.mail.address import Address
from smtpguard.policy.controller import OPT_OUT_WITHIN, Existing
from smtpguard.policy.identifier import compact, fault
from smtpguard.policy.match import NULL
from smtpguard.policy.model import (
    AfterValidator,
    BeforeValidator,
    ExactUrl,
    Field,
    Host,
    MailAddress,
    Model,
    Name,
    Seconds,
    Secret,
    Text,
    Url,
    ValidationInfo,
    host,
    model_validator,
    one_of,
    spelled,
)
from smtpguard.policy.peers import Peers
from smtpguard.policy.stream import Kind, Mode

ActionWord = Literal["allow", "warn", "fix-or-warn", "fix-or-reject", "fix", "reject"]
Language = Annotated[str, spelled("[a-z]{2}", "a language: two letters, as `en`")]
Colour = Annotated[str, spelled("#([0-9a-fA-F]{3}){1,2}", "a colour: # and 3 or 6 hex digits")]
EventWord = Literal[
    "suppression.created",
    "suppression.lifted",
    "suppression.conflict",
    "digest.begun",
    "digest.lasts",
    "digest.ended",
]
RuleId = Annotated[str, one_of("rule")]


def _identifier(value: str, info: ValidationInfo) -> str:
    if wrong := fault(info.field_name or "", value):
        raise ValueError(wrong)
    return value.strip()


Checked = Annotated[Text, AfterValidator(_identifier)]


class Identifiers(Model):
    """Numbers of the legal entity; those with check digits are checked. Write them in quotes."""

    siren: Checked = ""
    siret: Checked = ""
    vat: Checked = ""
    """VAT number with its two letters: FR..., IT..., DE..., GB..."""
    piva: Checked = ""
    """Partita IVA."""
    codice_fiscale: Checked = ""
    rcs: Text = ""
    """RCS and its town, as `Lyon`; the number is the SIREN."""
    rea: Text = ""
    hrb: Checked = ""
    kvk: Checked = ""
    company_number: Checked = ""
    capital: Text = ""
    other: Text = ""
    """Anything else that your law wants in every mail, as it is printed."""

    @model_validator(mode="after")
    def _agree(self) -> Identifiers:
        siren, siret, vat = compact(self.siren), compact(self.siret), compact(self.vat)
        if siren and siret and not siret.startswith(siren):
            raise ValueError("siret does not begin with the siren")
        if siren and vat.startswith("FR") and not vat.endswith(siren):
            raise ValueError("vat does not end in the siren")
        return self


class DkimShape(Model):
    """One signing key."""

    domain: Host
    selector: Annotated[str, AfterValidator(host)]
    key: Secret
    """`credential:NAME` (systemd) or `file:PATH`."""


class UnsubscribeShape(Model):
    """Where readers get out."""

    url: Url | None = None
    """Where our own exit pages answer."""
    mailto: MailAddress | None = None
    hosts: tuple[Host, ...] = ()
    """Other people's exits that count as ours."""
    existing: Existing = Existing.KEEP
    """What becomes of exits found in the mail."""


class BouncesShape(Model):
    """After how many bounces within a window nobody is written to any more."""

    hard: Annotated[int, Field(ge=1, le=1000)] = 2
    """Bounces of a mailbox that does not exist, of as many messages."""
    soft: Annotated[int, Field(ge=0, le=1000)] = 5
    """Bounces of one that is full or cannot be reached; 0: never."""
    window: Annotated[Seconds, Field(ge=60)] = 30 * 86_400.0


class FeedbackShape(Model):
    """Addresses of the feedback listener; each takes any `+tag`."""

    bounces: tuple[MailAddress, ...] = ()
    """Where delivery reports arrive: what the sending tool gives as envelope sender."""
    complaints: tuple[MailAddress, ...] = ()
    """Where mailbox providers send abuse reports (feedback loops, CFBL-Address)."""
    replies: tuple[MailAddress, ...] = ()
    """Where readers answer: From or Reply-To of the mail."""
    operator: MailAddress
    """Who gets what is not understood; none of the addresses above."""


class WebhookShape(Model):
    """Where the company's own systems listen (Standard Webhooks)."""

    url: ExactUrl
    secret: Secret
    """`credential:NAME` or `file:PATH`: `whsec_` and base64, or 24 octets and more."""
    events: tuple[EventWord, ...] = get_args(EventWord)
    """What they are told of; everything where it is left out."""


class IncomingShape(Model):
    """A tool that tells us who left by a link of its own."""

    name: Name
    tool: Literal["mautic", "brevo", "mailchimp", "standard"]
    secret: Secret
    """`credential:NAME` or `file:PATH`."""
    brand: Text = ""
    """They leave this brand; the whole company where it is left out."""


class Look(Model):
    """How our exit pages look."""

    colour: Colour = ""
    logo: Text = ""


class BrandShape(Model):
    """A name under which the controller writes."""

    names: tuple[Text, ...] = ()
    """As readers know it; by default the key, with the legal name."""
    from_domains: tuple[Host, ...] = ()
    """Domains, and all below them, that its mail comes from."""
    dkim: tuple[DkimShape, ...] = ()
    unsubscribe: UnsubscribeShape = UnsubscribeShape()
    bounces: BouncesShape | None = None
    """By default the controller's."""
    suppression_lists: tuple[Name, ...] = ()
    """Beside the controller's."""
    languages: tuple[Language, ...] = ("en",)
    look: Look = Look()


def _client(value: str) -> str:
    return Peers.parse([value]).written()[0]


def _party(value: str) -> str:
    """An address or ``@domain``, in the form in which envelopes are compared."""
    local, at, domain = value.rpartition("@")
    if not at:
        raise ValueError(f"`{value[:60]}`: expected an address, or @domain in quotes")
    address = Address(local.encode("utf-8", "replace"), host(domain).encode())
    return address.key if local else f"@{address.domain_key}"


class MatchShape(Model):
    """What the mail must show, all of it."""

    listener: Annotated[str, one_of("listener")] = ""
    user: Text = ""
    """SASL user, where we authenticated it."""
    client: Annotated[str, AfterValidator(_client)] = ""
    """Address or network of the client."""
    header: Text = ""
    """`X-SmtpGuard-Stream`, believed from trusted clients only."""
    sender: Annotated[str, AfterValidator(lambda v: v if v == NULL else _party(v))] = ""
    """Envelope sender: an address, "@domain" or "<>"."""
    from_domain: Annotated[str, AfterValidator(host)] = ""
    """Exactly this domain in From."""
    recipient: Annotated[str, AfterValidator(_party)] = ""
    """An address, or "@domain"."""

    @model_validator(mode="after")
    def _something(self) -> MatchShape:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError("names no criterion; leave it out where a listener's default is meant")
        return self


class Pause(Model):
    """When identical refusals stop a stream with 451 instead of bouncing on."""

    after: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    """Refusals; 0: never."""
    within: Annotated[Seconds, Field(ge=1)] = 600.0


class Audience(Model):
    """Who is written to."""

    professions: tuple[Text, ...] = ()


class Tracking(Model):
    """What counts as tracking one reader."""

    hosts: tuple[Host, ...] = ()


def _word(value: Any) -> Any:
    return {"action": value} if isinstance(value, str) else value


class RuleShape(Model):
    """What the operator says of one rule; a bare word is its action."""

    action: ActionWord
    because: Text = ""
    approved_by: Text = ""
    until: date | None = None
    """The last day on which it holds."""


class StreamShape(Model):
    """One kind of mail."""

    kind: Kind = Field(alias="class")
    owner: Text = ""
    """Who is told."""
    match: MatchShape | None = None
    """Left out: only as the default of a listener."""
    brand: str = ""
    """One of `brands`; where there is one only, that one."""
    packs: tuple[Annotated[str, one_of("pack")], ...] = ()
    recipients: Literal["one", "many"] = "many"
    """Per transaction."""
    purpose: Text = ""
    reason: dict[Language, Text] = Field(default={})
    """Why readers get this, by language; printed in the footer."""
    audience: Audience = Audience()
    mode: Mode = Mode.OBSERVE
    edits: Literal["none", "headers", "body"] = "none"
    suppression: Literal["enforce", "observe"] = "enforce"
    refuse_with: Literal["reject", "defer"] = "reject"
    pause: Pause = Pause()
    store_silent: Literal["defer", "pass"] = "defer"
    protected: Literal["refuse", "pass"] = "refuse"
    """Mail that may not be altered, and would have to be."""
    tracking: Tracking = Tracking()
    downstream_esp: Text = ""
    """A relay behind us that renders its own placeholders."""
    reply_language: Literal["en", "fr", "it"] = "en"
    """Of our refusals."""
    rules: dict[
        RuleId,
        Annotated[RuleShape, BeforeValidator(_word, json_schema_input_type=RuleShape | ActionWord)],
    ] = Field(default={})


class Default(Model):
    """What becomes of mail that matches no stream."""

    kind: Literal["personal", "refuse"] = Field(alias="class")


class PolicyShape(Model):
    """A policy file: one controller, its brands and its streams."""

    controller: Name
    legal_name: Text
    address: Text = ""
    """Postal address, on one line."""
    identifiers: Identifiers = Identifiers()
    country: Annotated[str, spelled("[A-Z]{2}", "a country: two letters, as `FR`")] = ""
    privacy_url: Url | None = None
    rights_contact: Text = ""
    """Mail address or URL."""
    assume_known_before: date | None = None
    """Contacts that a register knew before this day were informed."""
    feedback: FeedbackShape | None = None
    """What comes back by mail, where a listener of `kind: feedback` takes it."""
    bounces: BouncesShape = BouncesShape()
    opt_out_within: Annotated[Seconds, Field(gt=0)] = float(OPT_OUT_WITHIN)
    """An opt-out that takes longer to reach us, from another tool or a list, is late."""
    webhooks: tuple[WebhookShape, ...] = ()
    incoming: tuple[IncomingShape, ...] = ()
    suppression_lists: tuple[Name, ...] = ()
    """Partners' hashed lists that stand against promotional mail."""
    brands: dict[Name, BrandShape] = Field(default={})
    streams: dict[Name, StreamShape] = Field(default={})
    default: Default | None = None

    @model_validator(mode="after")
    def _known(self) -> PolicyShape:
        for one in self.incoming:
            if one.brand and one.brand not in self.brands:
                raise ValueError(f"incoming.{one.name}: there is no brand `{one.brand}`")
        return self


class PackRule(Model):
    """What a pack asks of one rule."""

    action: Literal[
        "off", "warn", "fix-or-warn", "fix-or-reject", "reject", "defer", "alarm", "invariant"
    ]
    """`defer`, `alarm`: what the rule itself does; `invariant`: it always acts."""
    force: Literal["law", "recommendation"] = "recommendation"
    source: Text = ""


class PackShape(Model):
    """A pack: one regime, as data."""

    id: Name
    version: Text
    as_of: date
    status: Literal["draft", "reviewed"]
    reviewed_by: Text = ""
    title: Text
    sources: tuple[Text, ...]
    rules: dict[RuleId, PackRule]

    @model_validator(mode="after")
    def _reviewed(self) -> PackShape:
        if self.status == "reviewed" and not self.reviewed_by:
            raise ValueError("status is reviewed, but reviewed_by names nobody")
        return self
