"""The sentences of the footer in seven languages, for ``Paragraph.text``.

Every sentence is one that ``mail.lexicon`` recognises in its language; a test holds the two
together. A language we have no words for gets English.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """The footer in one language; fields in braces are filled in by the functions below."""

    sender: str
    address: str
    reason: str
    source: str
    rights: str
    privacy: str
    unsubscribe: str
    label: str
    """Of the exit link in HTML."""


WORDINGS: dict[str, Wording] = {
    "en": Wording(
        sender="Sender: {}.",
        address="Postal address: {}.",
        reason="You receive this message because {}.",
        source="Source of your data: {}.",
        rights="To exercise your rights (access, rectification, erasure): {}.",
        privacy="Privacy notice: {}",
        unsubscribe=(
            "You can object to receiving our messages at any time, free of charge: {exit}"
        ),
        label="Unsubscribe",
    ),
    "fr": Wording(
        sender="Expéditeur : {}.",
        address="Adresse postale : {}.",
        reason="Vous recevez ce message car {}.",
        source="Origine de vos données : {}.",
        rights="Pour exercer vos droits (accès, rectification, effacement, limitation) : {}.",
        privacy="Politique de confidentialité : {}",
        unsubscribe=(
            "Vous pouvez à tout moment, sans frais, vous opposer à la réception de nos messages :"
            " {exit}"
        ),
        label="Se désabonner",
    ),
    "it": Wording(
        sender="Mittente: {}.",
        address="Indirizzo postale: {}.",
        reason="Riceve questo messaggio perché {}.",
        source="Fonte dei Suoi dati: {}.",
        rights=(
            "Per esercitare i Suoi diritti (accesso, rettifica, cancellazione, limitazione): {}."
        ),
        privacy="Informativa sulla privacy: {}",
        unsubscribe=(
            "Può opporsi in ogni momento e gratuitamente alla ricezione dei nostri messaggi: {exit}"
        ),
        label="Disiscriversi",
    ),
    "de": Wording(
        sender="Absender: {}.",
        address="Postanschrift: {}.",
        reason="Sie erhalten diese E-Mail, weil {}.",
        source="Herkunft Ihrer Daten: {}.",
        rights="Ihre Rechte (Auskunft, Berichtigung, Löschung): {}.",
        privacy="Datenschutzhinweise: {}",
        unsubscribe=(
            "Sie können der weiteren Zusendung jederzeit kostenlos widersprechen (abmelden): {exit}"
        ),
        label="Abmelden",
    ),
    "es": Wording(
        sender="Remitente: {}.",
        address="Dirección postal: {}.",
        reason="Recibe este mensaje porque {}.",
        source="Origen de sus datos: {}.",
        rights="Para ejercer sus derechos (acceso, rectificación, supresión): {}.",
        privacy="Política de privacidad: {}",
        unsubscribe=("Puede oponerse en cualquier momento y gratuitamente; darse de baja: {exit}"),
        label="Darse de baja",
    ),
    "pt": Wording(
        sender="Remetente: {}.",
        address="Endereço postal: {}.",
        reason="Recebe esta mensagem porque {}.",
        source="Origem dos seus dados: {}.",
        rights="Para exercer os seus direitos (acesso, retificação, apagamento): {}.",
        privacy="Política de privacidade: {}",
        unsubscribe=(
            "Pode opor-se a qualquer momento e gratuitamente; cancelar a subscrição: {exit}"
        ),
        label="Cancelar a subscrição",
    ),
    "nl": Wording(
        sender="Afzender: {}.",
        address="Postadres: {}.",
        reason="U ontvangt dit bericht omdat {}.",
        source="Herkomst van uw gegevens: {}.",
        rights="Uw rechten (inzage, rectificatie, verwijdering): {}.",
        privacy="Privacyverklaring: {}",
        unsubscribe="U kunt op elk moment kosteloos bezwaar maken; uitschrijven: {exit}",
        label="Uitschrijven",
    ),
}

_COMPLAINTS = {
    ("fr", "FR"): "Réclamation : https://www.cnil.fr",
    ("it", "IT"): "Reclamo: Garante per la protezione dei dati personali, https://www.gpdp.it",
}
"""The authority a reader may turn to, by language and country of the controller."""


def wording(language: str) -> Wording:
    """The words of a language (``fr``, ``fr-CA``); English where we have none."""
    return WORDINGS.get(language[:2].lower(), WORDINGS["en"])


def sender(language: str, legal_name: str, identifiers: str = "") -> str:
    """Who sends: the legal entity and, where given, its registration numbers."""
    return _fill(wording(language).sender, ", ".join(filter(None, (legal_name, identifiers))))


def address(language: str, postal: str) -> str:
    """The postal address, on one line."""
    return _fill(wording(language).address, postal)


def reason(language: str, because: str) -> str:
    """Why the reader gets this mail; ``because`` is a clause in that language."""
    return _fill(wording(language).reason, because)


def source(language: str, name: str) -> str:
    """Where the address came from."""
    return _fill(wording(language).source, name)


def rights(language: str, contact: str, privacy_url: str = "", country: str = "") -> str:
    """How to exercise the rights of the GDPR: contact, privacy notice, authority.

    ``country`` is that of the controller, two letters.
    """
    words = wording(language)
    pieces = [_fill(words.rights, contact)] if contact else []
    if privacy_url:
        pieces.append(_fill(words.privacy, privacy_url))
    if complaint := _COMPLAINTS.get((language[:2].lower(), country.upper())):
        pieces.append(complaint)
    return " – ".join(piece.rstrip(".") for piece in pieces)


def unsubscribe(language: str) -> str:
    """How to leave, with ``{exit}`` where the link stands."""
    return wording(language).unsubscribe


def label(language: str) -> str:
    """What the exit link is called in HTML."""
    return wording(language).label


def _fill(template: str, value: str) -> str:
    """The value in its place; a value that ends its own sentence gets no second full stop."""
    text = template.replace("{}", " ".join(value.split()))
    return text[:-1] if text.endswith(("..", "!.", "?.")) else text
