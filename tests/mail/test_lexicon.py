"""Seven languages say it, look-alikes do not, and what templates leave is found."""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smtpguard.mail.lexicon import (
    PLACEHOLDERS,
    TOPICS,
    Phrase,
    alternatives,
    clues,
    junk_target,
    needles,
    normalise,
    placeholders,
    says,
)
from tests.growth import STEEP, growth

UNSUB = [
    "Unsubscribe",
    "UN\u00adSUB\u200bSCRIBE",
    "ｕｎｓｕｂｓｃｒｉｂｅ",
    "un-subscribe here",
    "opt out",
    "If you no longer wish to receive these e-mails",
    "Don’t want these emails?",
    "Se désabonner",
    "Me désinscrire de la newsletter",
    "si vous ne souhaitez plus du tout recevoir nos offres",
    "Vous pouvez vous opposer à la réception de nos messages",
    "Disiscriviti",
    "Annulla l’iscrizione",
    "cancellarsi",
    "se non desidera più ricevere comunicazioni",
    "Newsletter abbestellen",
    "Hier abmelden",
    "Wenn Sie keine weiteren E-Mails mehr erhalten möchten",
    "Der Nutzung Ihrer Daten können Sie jederzeit widersprechen: der Nutzung widersprechen",
    "Darse de baja",
    "Cancelar la suscripción",
    "si no desea seguir recibiendo correos",
    "Cancelar a subscrição",
    "Descadastrar-se",
    "não deseja mais receber",
    "Uitschrijven",
    "Meld je hier af",
    "geen e-mails meer wilt ontvangen",
]
NOT_UNSUB = [
    "Subscribe now",
    "unsubscr\u0456be",  # Cyrillic i
    "unsubscrib\u0435",  # Cyrillic e
    "\u03bfpt out",  # Greek o
    "d\u0435sabonner",
    "Stop by our shop",
    "Angemeldet bleiben",
    "Cancel my order",
    "la baja de precios",
    "",
]


@pytest.mark.parametrize("text", UNSUB)
def test_unsubscribing_in_seven_languages(text: str) -> None:
    assert says("unsub", text)
    assert says("unsub", f"<< {text.upper()} >>\n")


@pytest.mark.parametrize("text", NOT_UNSUB)
def test_what_is_not_unsubscribing(text: str) -> None:
    assert not says("unsub", text)


def test_a_look_alike_does_not_hide_a_true_word() -> None:
    assert says("unsub", "unsubscrib\u0435 or unsubscribe")


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("unsub_weak", "Manage your email preferences"),
        ("unsub_weak", "Gérer mes préférences"),
        ("unsub_weak", "Einstellungen verwalten"),
        ("unsub_url", "https://a.fr/Unsubscribe?x=1"),
        ("unsub_url", "https://a.fr/d%C3%A9sabonnement"),
        ("unsub_url", "https://x.list-manage.com/u"),
        ("unsub_url", "https://a.fr/l?id=3&action=stop"),
        ("why", "You are receiving\nthis email because"),
        ("why", "Vous recevez ce message"),
        ("why", "Ricevi questa e-mail"),
        ("why", "Sie erhalten diese Nachricht"),
        ("why", "Ha recibido este correo"),
        ("why", "Recebeu este e-mail"),
        ("why", "U ontvangt deze nieuwsbrief"),
        ("source", "We obtained your details from the public register"),
        ("source", "Origine de vos données : salon Bati"),
        ("source", "Fonte dei suoi dati"),
        ("source", "Herkunft Ihrer Daten"),
        ("source", "Origen de sus datos"),
        ("source", "Origem dos seus dados"),
        ("source", "Herkomst van uw gegevens"),
        ("rights", "right to object"),
        ("rights", "droit d’accès"),
        ("rights", "diritto di opposizione"),
        ("rights", "Recht auf Widerspruch"),
        ("rights", "derecho de acceso"),
        ("rights", "direito de acesso"),
        ("rights", "recht op inzage"),
        ("privacy", "Politique de confidentialité"),
        ("privacy", "Datenschutzerklärung"),
        ("friction", "Log in to your account"),
        ("friction", "Connectez-vous"),
    ],
)
def test_the_other_topics(topic: str, text: str) -> None:
    assert says(topic, text)
    assert not says(topic, "Our summer sale starts on Monday.")


def test_an_unknown_topic_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        says("weather", "rain")


def test_normalised_text() -> None:
    assert normalise(" L’É\u00a0t\u200bé –\r\n«Straße» ﬁn ") == 'l\'e te - "strasse" fin'
    assert normalise("İstanbul") == "istanbul"
    assert normalise("un\u202esubscribe") == "unsubscribe"


@given(st.text(max_size=80))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


PHRASES = [
    pytest.param(phrase, id=f"{topic} {language} {index}")
    for topic, languages in TOPICS.items()
    for language, phrases in languages.items()
    for index, phrase in enumerate(phrases)
]


@pytest.mark.parametrize("phrase", PHRASES)
def test_no_match_goes_without_a_needle(phrase: Phrase) -> None:
    assert min(map(len, phrase.needles)) >= 3

    @settings(max_examples=3, deadline=None, database=None)
    @given(st.from_regex(phrase.pattern))
    def holds(text: str) -> None:
        lowered = text.lower()
        assert any(needle in lowered for needle in phrase.needles)

    holds()


@pytest.mark.parametrize("family", PLACEHOLDERS)
def test_no_placeholder_goes_without_a_needle(family: str) -> None:
    phrase = PLACEHOLDERS[family]
    assert all(phrase.needles)

    @settings(max_examples=20, deadline=None, database=None)
    @given(st.from_regex(re.compile(phrase.pattern, re.ASCII)))
    def holds(text: str) -> None:
        assert any(needle in text.lower() for needle in phrase.needles)

    holds()


def test_no_clue_to_a_url_has_a_space() -> None:
    assert clues("unsub_url", "https://a.fr/unsub") == ["unsub"]
    for phrase in TOPICS["unsub_url"]["all"]:
        assert not any(set(needle) & set(" \n`'") for needle in phrase.needles)


def test_needles() -> None:
    assert needles(r"\bun-?subscri\w*") == ("subscri",)
    assert needles(r"\b(log|sign) ?in (to|and)\b") == ("log", "sign")
    assert needles(r"a{0,3}bc\{\{d?") == ("bc{{",)
    assert alternatives(r"a(b|c)|[|]|\|") == ["a(b|c)", "[|]", r"\|"]


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize(
    "word",
    [
        "unsubscribe", "cancella la ", "cancell", "keine ", "melde ", "opporsi ", "because you ",
        "{", "vous opposer ", "newsletter", "do not want to receive ", "a ", "ne plus ", " ",
    ],
)  # fmt: skip
def test_repetition_costs_no_more_than_its_length(topic: str, word: str) -> None:
    def search(text: str) -> None:
        for phrases in TOPICS[topic].values():
            for phrase in phrases:
                phrase.compiled.search(text)

    assert growth(lambda size: word * (size // len(word)), search, 16_000) < STEEP


@pytest.mark.parametrize(
    "tag",
    [
        "{{ unsubscribe }}", "{{{ pm:unsubscribe }}}", "{% unsubscribe %}", "*|UNSUB|*",
        "%%url.unsub%%", "%UNSUBSCRIBELINK%", "%unsubscribe_url%", "##Unsubscribe##",
        "[[UNSUB_LINK_EN]]", "[unsubscribe]", "<%asm_group_unsubscribe_raw_url%>", "${exit}",
        "{unsubscribe_url}", "%(link)s", "«Prenom»", "<<Prenom>>",
    ],
)  # fmt: skip
def test_every_family_of_placeholders(tag: str) -> None:
    assert placeholders(f"Leave here: {tag}.") == [tag]
    encoded = "".join(f"%{octet:02X}" for octet in tag.encode())
    assert tag in placeholders(f"https://a.fr/?u={encoded}")
    assert tag in placeholders("".join(f"&#{ord(character)};" for character in tag))


@pytest.mark.parametrize(
    "text",
    [
        "100 % of 50%",
        "https://a.fr/?x=%C3%A9%20%7C",
        "p { color: red }",
        "[1] see below",
        "a << b and c >> d",
        "# heading ##",
        "None of us, undefined, TODO",
    ],
)
def test_what_is_no_placeholder(text: str) -> None:
    assert placeholders(text) == []


def searched(text: str) -> list[str]:
    """What ``placeholders`` means: every family sought in every reading of the whole text."""
    readings = (text, unquote(text), html.unescape(text))
    tags = (
        match.group()
        for reading in readings
        for phrase in PLACEHOLDERS.values()
        for match in phrase.compiled.finditer(reading)
    )
    return list(dict.fromkeys(tags))


MARKUP = [
    "{", "{{", "}}", "{%", "%}", "*|", "|*", "%", "%%", "%(", ")s", "#", "##", "[", "[[", "]]",
    "]", "<<", ">>", "<%", "%>", "${", "}", "{!", "\u00ab", "\u00bb", "\u00a0", " ", "\n", "&",
    "&lt;", "&LT", "&#123;", "&#35", "&percnt;", "&num;", "&verbar;", "&laquo", "&lcub;", "&amp;",
    "%7B", "%7d", "%23", "%25", "%3c", "%5B", "%7C", "%C2", "%c2%aB", "%BB", "%20", "%0A", "%2A",
    "unsubscribe", "name", "adresse", "Prenom", "link", "é", "5", "a",
]  # fmt: skip


@settings(max_examples=400, deadline=None, database=None)
@given(st.lists(st.sampled_from(MARKUP), max_size=9).map("".join))
def test_looking_at_marked_lines_is_looking_everywhere(text: str) -> None:
    assert placeholders(text) == searched(text)


@settings(deadline=None, database=None)
@given(st.sampled_from(list(PLACEHOLDERS)), st.data())
def test_every_tag_is_marked(family: str, data: st.DataObject) -> None:
    pattern = re.compile(PLACEHOLDERS[family].pattern, re.ASCII)
    tag = data.draw(st.from_regex(pattern, fullmatch=True))
    for text in (tag, quote(tag), "".join(f"&#{ord(character)};" for character in tag)):
        assert placeholders(text) == searched(text)


@pytest.mark.parametrize(
    "href",
    [
        "", "#", "#unsub", "javascript:void(0)", "JAVASCRIPT:x", "data:text/html,x", "about:blank",
        "tel:+33", "file:///c:/x", "undefined", "null", "None", "NaN", "[object Object]", "TODO",
        "xxx", "INSERT LINK HERE", "/unsubscribe_from_list?x", "https://example.com/u",
        "http://www.example.org", "http://localhost:8080/x", "https://intranet/u", "http://[::1]/",
    ],
)  # fmt: skip
def test_junk_targets(href: str) -> None:
    assert junk_target(href)
    assert junk_target(f" {href} ")


@pytest.mark.parametrize(
    "href",
    [
        "https://a.fr/u",
        "mailto:x@a.fr",
        "https://example.com.evil.test/",
        "https://u.example.net.br",
    ],
)
def test_targets_that_are_not_junk(href: str) -> None:
    assert not junk_target(href)


def whole(text: str) -> str:
    """What ``normalise`` means, done to the whole text at once."""
    text = text.casefold()
    for marks, mark in (
        ("\u2018\u2019\u201a\u201b\u02bc\u00b4\u2032`", "'"),
        ("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
        ("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    ):
        text = text.translate(dict.fromkeys(map(ord, marks), mark))
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(
        "[\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]", "", text
    )
    text = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", text)).casefold()
    return " ".join(text.replace("`", "'").split())  # NFKC makes a grave accent of U+1FEF


ODD = (
    "\u00b4\u00a8\u2003aE \n-'`éÉßﬁ\u0301\u0327\u0338\u200b\u00a0\u2019«–Ωжﬀ½Å"
    "\u1e9b\u0323가각\u1100\u1161"
)


@settings(deadline=None, database=None)
@given(
    st.text(st.sampled_from(ODD) | st.characters(max_codepoint=0x24FF, exclude_categories=["Cs"]))
)
@example("\u1fef")
def test_normalising_run_by_run_is_normalising_the_whole(text: str) -> None:
    dropped = re.search("[\u115f\u1160\u17b4\u17b5\u180b-\u180e]", text)
    assert dropped or normalise(text) == whole(text)
