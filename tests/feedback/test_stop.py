"""Clear words in seven languages, and everything that is not clear."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.feedback.stop import Said, automatic_subject, own_lines, said
from smtpguard.mail.message import Message
from tests.growth import STEEP, growth

CLEAR, BOTH, UNCLEAR = Said(clear=True), Said(clear=True, more=True), Said(more=True)


def letter(body: str, subject: str = "Re: Nouvelles", kind: str = "plain") -> Message:
    head = f"Subject: {subject}\nContent-Type: text/{kind}; charset=utf-8\n\n"
    return Message((head + body).encode().replace(b"\n", b"\r\n"))


@pytest.mark.parametrize(
    "body",
    [
        "STOP",
        "stop.",
        "  Stop!  ",
        "STOP\nJean Dupont",
        "Stop\n\nJean Dupont\nDirecteur commercial\nTél. : 06 12 34 56 78",
        "STOP\n\n-- \nJean Dupont, who signs with a very long line of nothing at all in it",
        "Stop\n\nEnvoyé de mon iPhone",
        "STOP\n\nSent from my Galaxy",
        "unsubscribe",
        "Unsubscribe me please",
        "Please remove me",
        "Please remove me from your mailing list.",
        "Hi, please unsubscribe me from this newsletter. Thank you!",
        "Hello,\nI would like to be removed from your mailing list.\nRegards,\nJohn",
        "Dear Acme,\n\nCould you please take me off this list?\n\nThanks",
        "I would like to be removed from your mailing\nlist please",
        "Do not email me again",
        "Don't send me any more emails",
        "stop emailing me",
        "Stop sending me these emails!",
        "No more emails please",
        "Opt out",
        "Désinscription",
        "désabonnement svp",
        "Désinscrivez-moi",
        "Bonjour,\nmerci de me désinscrire de votre liste.\nCordialement,\nJean",
        "Bonjour, merci de me désinscrire",
        "Merci de me retirer de votre liste de diffusion.",
        "Je souhaite me désabonner de votre newsletter",
        "Veuillez me désinscrire s'il vous plaît",
        "Merci de ne plus m'envoyer de mails",
        "Je ne souhaite plus recevoir vos mails.",
        "Ne m'écrivez plus",
        "Arrêtez de m'envoyer des mails",
        "Bonjour\nPouvez-vous me supprimer de votre liste ?\nMerci",
        "Disiscrizione",
        "disiscrivetemi",
        "Buongiorno,\nvorrei disiscrivermi dalla newsletter.\nGrazie\nMario Rossi",
        "Vi prego di cancellarmi dalla mailing list",
        "Non voglio più ricevere le vostre email",
        "Cancellatemi dalla vostra lista, grazie",
        "Basta!",
        "Abmelden",
        "Bitte abmelden",
        "Bitte nehmen Sie mich aus dem Verteiler",
        "Guten Tag,\nbitte streichen Sie mich von Ihrer Liste.\nMit freundlichen Grüßen\nHans",
        "Ich möchte mich vom Newsletter abmelden",
        "Ich möchte keine weiteren E-Mails erhalten",
        "Newsletter abbestellen",
        "Baja",
        "Quiero darme de baja de la lista",
        "Por favor, denme de baja",
        "No quiero recibir más correos",
        "Cancelar suscripción",
        "Descadastrar",
        "Quero sair da lista",
        "Por favor removam meu email da lista",
        "Não quero mais receber emails",
        "Cancelar a subscrição",
        "Uitschrijven",
        "Graag afmelden voor de nieuwsbrief",
        "Wilt u mij uitschrijven aub",
        "Stuur mij geen mails meer",
        "Ik wil geen mails meer ontvangen",
        "ＳＴＯＰ",
        "S\u200bTOP",
    ],
)
def test_a_clear_word(body: str) -> None:
    assert said(letter(body)) == CLEAR


@pytest.mark.parametrize(
    "body",
    [
        "Please unsubscribe me. Where is my order 4711, which I paid for in March?",
        "Please unsubscribe me from your list.\nand delete all that you know about me",
        "Merci de me désinscrire. Qui vous a donné mon adresse ?",
    ],
)
def test_a_clear_sentence_and_more(body: str) -> None:
    assert said(letter(body)) == BOTH


@pytest.mark.parametrize(
    "body",
    [
        "Stop\nthe machine is broken, we said",
        "Stop the machine, it is broken",
        "Please stop by our office tomorrow",
        "Don't unsubscribe me!",
        "Please do not remove me from the list",
        "I do not want to unsubscribe",
        "How do I unsubscribe?",
        "Unsubscribe?",
        "Why did you unsubscribe me?",
        "My colleague wants to unsubscribe",
        "I pressed unsubscribe by mistake",
        "Remove the second paragraph",
        "Please remove me from the meeting on Friday",
        "Thanks, great newsletter!\nunsubscribe",
        "Ne me désinscrivez pas",
        "Je ne veux pas me désinscrire",
        "Je vous demande comment me désinscrire",
        "Arrêt de la machine demain",
        "Basta poco per essere felici",
        "Non cancellatemi dalla lista",
        "Non voglio disiscrivermi",
        "Bitte nicht abmelden",
        "Ich möchte mich nicht abmelden",
        "No quiero darme de baja",
        "La baja de precios es interesante",
        "Não quero sair",
        "Ik wil me niet uitschrijven",
        "Thank you",
        "Ok",
        "Could you send me more emails?",
        "I would like to receive your newsletter",
        "Wir möchten den Newsletter bestellen",
        "Je veux vos mails",
        "Mi piace la newsletter",
        "x" * 5000,
    ],
)
def test_what_is_not_clear(body: str) -> None:
    assert not said(letter(body)).clear


@pytest.mark.parametrize(
    "body",
    [
        "> STOP",
        "Le lun. 23 nov. 2026 à 10:00, Acme <news@acme.fr> a écrit :\n> STOP",
        "2026-11-23 10:00 GMT+01:00 Acme <news@acme.fr>:\nSTOP",
        "De : Acme <news@acme.fr>\nEnvoyé : lundi\nObjet : x\n\nSTOP",
        "Von: Acme <news@acme.fr>\nGesendet: Montag\n\nAbmelden",
        "________________________________\nFrom: Acme\nunsubscribe",
        "-- \nSTOP",
        "-----Original Message-----\nSTOP",
        "\n\n",
    ],
)
def test_what_somebody_else_wrote(body: str) -> None:
    assert said(letter(body)) == Said()
    assert own_lines(letter(body)) == ()


@pytest.mark.parametrize(
    ("subject", "clear"),
    [
        ("STOP", True),
        ("Unsubscribe", True),
        ("=?utf-8?q?D=C3=A9sinscription?=", True),
        ("please unsubscribe me", True),
        ("Re: STOP", False),
        ("AW: Abmelden", False),
        ("Stop smoking in ten days", False),
        ("", False),
    ],
)
def test_an_empty_mail_whose_subject_says_it(subject: str, clear: bool) -> None:
    assert said(letter("", subject)).clear is clear
    assert said(letter("> quoted\n-- \nJean", subject)).clear is clear
    assert not said(letter("We open at nine", subject)).clear


def test_html_without_its_quotation() -> None:
    page = "<p>Stop</p><blockquote type=cite>Bonjour</blockquote>"
    assert said(letter(page, kind="html")) == CLEAR
    assert not said(letter("<blockquote>Stop</blockquote>", kind="html")).clear


@pytest.mark.parametrize(
    ("subject", "automatic"),
    [
        ("Automatic reply: news", True),
        ("Réponse automatique : news", True),
        ("Abwesenheitsnotiz", False),
        ("Abwesenheit: news", True),
        ("Out of Office", True),
        ("Risposta automatica: news", True),
        ("Re: news", False),
        ("STOP", False),
    ],
)
def test_absence_notes_by_their_subject(subject: str, automatic: bool) -> None:
    assert automatic_subject(subject) is automatic


TEXT = (
    "please stop remove me from your the de la list newsletter mails no ne pas plus ich mich keine"
    " mehr non voglio piu di il mio , . ? ! \n > -- bonjour hello"
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(TEXT.split(" ")),
        max_size=60,
    )
)
def test_no_words_take_long(words: list[str]) -> None:
    assert growth(lambda times: letter(" ".join(words * times)), said, 8) < STEEP
