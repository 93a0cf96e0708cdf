from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.edit.fix import Change
from smtpguard.policy.pack import SHIPPED
from smtpguard.policy.parse import Problem, Problems, load
from smtpguard.policy.policy import Policy
from smtpguard.policy.stream import Action, Kind, Match, Mode, Stream

EXAMPLES = Path(__file__).parents[2] / "policies" / "examples"
ACME = (EXAMPLES / "acme.yaml").read_text("utf-8")
LISTENERS = {"smtp": "smtp", "lmtp": "lmtp"}
RULES = {
    "missing-unsubscribe-link": Change.BODY,
    "missing-list-unsubscribe": Change.HEADERS,
    "missing-postal-address": Change.BODY,
    "deceptive-from": Change.NONE,
    "mail-loop": Change.NONE,
}
DAY = 86_400


def found(text: str) -> tuple[Problem, ...]:
    try:
        load({"f": text.encode()}, rules=RULES, listeners=LISTENERS)
    except Problems as refused:
        return refused.items
    return ()


HEAD = "controller: acme\nlegal_name: Acme SAS\n"
BRAND = "brands: {acme: {dkim: [{domain: a.example, selector: s, key: 'file:k'}]}}\n"


def compiled(text: str, now: int = 0, **options: Any) -> Policy:
    given_options = {"listeners": LISTENERS, "invariants": {"mail-loop"}, **options}
    return load({"f.yaml": text.encode()}, rules=RULES, now=now, **given_options)


def stream(body: str, **options: Any) -> Stream:
    (found,) = compiled(f"{HEAD}{BRAND}streams:\n  s: {body}\n", **options).streams
    return found


def problems(text: str | Mapping[str, str], **options: Any) -> list[str]:
    files = {"f.yaml": text} if isinstance(text, str) else text
    octets = {name: body.encode() for name, body in files.items()}
    with pytest.raises(Problems) as raised:
        load(octets, rules=RULES, invariants={"mail-loop"}, **options)
    return [str(problem) for problem in raised.value.items]


def test_the_example_is_compiled() -> None:
    policy = load({"acme.yaml": ACME.encode()}, rules=RULES, listeners=LISTENERS)
    news, prospecting, invoices, accounts = policy.streams
    assert policy.controllers["acme"].legal_name == "Acme SAS"
    assert policy.controllers["acme"].assume_known_before == 1_793_491_200
    assert news.match == Match(listener="lmtp", from_domain="news.acme.example")
    assert (news.kind, news.mode, news.edits) == (Kind.MARKETING, Mode.OBSERVE, Change.HEADERS)
    assert news.asked("missing-unsubscribe-link").said_by == "pack fr-b2b"
    assert news.asked("missing-postal-address").action is Action.REJECT
    assert news.asked("missing-postal-address").said_by.startswith("acme.yaml:")
    assert news.tracking_hosts == {"t.esp.example"}
    assert news.brand.owns("eu.news.acme.example")
    assert prospecting.match.sender == "@acme.example"
    assert prospecting.mode is Mode.ENFORCE
    assert prospecting.edits is Change.BODY
    assert invoices.kind is Kind.TRANSACTIONAL
    assert accounts.pass_when_store_silent
    assert not policy.default_refuses
    assert len(policy.version) == 12


def test_defaults_of_a_stream() -> None:
    found = stream("{class: marketing}")
    assert (found.mode, found.edits, found.enforce_suppression) == (Mode.OBSERVE, Change.NONE, True)
    assert (found.pause_after, found.pause_window) == (100, 600)
    assert found.match == Match()
    assert found.brand.name == "acme"
    assert found.brand.names == ("Acme SAS", "acme")
    assert not found.one_recipient
    assert not found.refuse_with_defer


def test_every_word_of_a_stream_counts() -> None:
    found = stream(
        "{class: marketing, recipients: one, suppression: observe, refuse_with: defer, pause:"
        " {after: 5, within: 1h}, store_silent: pass, protected: pass, reply_language: fr,"
        " downstream_esp: mailgun, mode: enforce, edits: body, owner: x@y.example}"
    )
    assert found.one_recipient
    assert not found.enforce_suppression
    assert found.refuse_with_defer
    assert (found.pause_after, found.pause_window) == (5, 3600)
    assert found.pass_when_store_silent
    assert found.pass_when_protected
    assert (found.reply_language, found.downstream_esp, found.owner) == (
        "fr", "mailgun", "x@y.example",
    )  # fmt: skip


def test_a_controller_without_brands_is_its_own() -> None:
    policy = compiled(HEAD + "streams: {s: {class: transactional}}")
    assert policy.streams[0].brand.name == "acme"


def test_the_strictest_pack_wins_and_the_operator_wins_over_packs() -> None:
    asked = stream("{class: marketing, packs: [us-can-spam, fr-b2b]}").rules
    assert asked["missing-postal-address"].said_by == "pack us-can-spam"
    assert asked["missing-postal-address"].action is Action.FIX_OR_REJECT
    asked = stream("{class: marketing, packs: [fr-b2b], rules: {deceptive-from: reject}}").rules
    assert asked["deceptive-from"].said_by == "f.yaml:5"


@pytest.mark.parametrize(
    ("word", "action"),
    [
        ("allow", Action.ALLOW), ("warn", Action.WARN), ("fix-or-warn", Action.FIX_OR_WARN),
        ("fix-or-reject", Action.FIX_OR_REJECT), ("fix", Action.FIX_OR_REJECT),
        ("reject", Action.REJECT),
    ],
)  # fmt: skip
def test_the_words_for_actions(word: str, action: Action) -> None:
    found = stream(f"{{class: marketing, rules: {{deceptive-from: {word}}}}}")
    assert found.asked("deceptive-from").action is action


def test_lowering_law_needs_a_reason_a_name_and_an_end() -> None:
    text = HEAD + (
        "streams:\n  s:\n    class: marketing\n    packs: [fr-b2b]\n    rules:\n"
        "      missing-unsubscribe-link: {action: warn, because: our own}\n"
        "      missing-list-unsubscribe: allow\n"
    )
    assert problems(text) == [
        "f.yaml:8:7: streams.s.rules.missing-unsubscribe-link: pack fr-b2b marks `fix-or-reject`"
        " as law; to lower it, add approved_by, until"
    ]


LOWERED = (
    "{class: marketing, packs: [fr-b2b], rules: {missing-unsubscribe-link:"
    " {action: warn, because: tests, approved_by: dpo, until: 1970-01-10}}}"
)


def test_past_its_last_day_an_exception_ends_and_the_packs_word_returns() -> None:
    asked = stream(LOWERED).asked("missing-unsubscribe-link")
    assert asked.at(10 * DAY - 1) is Action.WARN, "through its last day"
    assert asked.at(10 * DAY) is Action.FIX_OR_REJECT
    assert (asked.because, asked.approved_by, asked.law) == ("tests", "dpo", True)


def test_an_exception_that_has_ended_is_a_warning() -> None:
    text = f"{HEAD}{BRAND}streams:\n  s: {LOWERED}\n"
    assert any("has ended" in w for w in compiled(text, now=10 * DAY).warnings)
    assert not any("has ended" in w for w in compiled(text, now=9 * DAY).warnings)


def test_every_problem_at_once_with_its_place_and_what_was_meant() -> None:
    text = """\
controler: acme
legal_name: Acme SAS
identifiers: {siren: "000000001", siret: 73282932000074}
privacy_url: acme.example/privacy
brands:
  acme: {languages: [french], look: {colour: green}}
  acme: {}
streams:
  one:
    class: marketng
    packs: [fr-b2b, fr-b2bb]
    mode: enforced
    rules: {missing-postal-adress: reject, deceptive-from: {action: rejct}}
  two: {class: marketing, brand: acmee, match: {listener: lmpt}}
  three: {class: marketing, brand: acmee}
  four: {class: marketing, rules: {mail-loop: allow}}
"""
    assert problems(text, listeners=LISTENERS) == [
        "f.yaml:1:1: `controler` is not known here; did you mean `controller`?",
        "f.yaml:1:1: controller: missing",
        "f.yaml:3:22: identifiers.siren: `000000001` is not a valid siren: expected nine digits,"
        " the last of them a Luhn digit",
        "f.yaml:3:42: identifiers.siret: expected text, not `73282932000074`;"
        ' write it in quotes: "..."',
        "f.yaml:4:14: privacy_url: `acme.example/privacy` is not an http(s) URL",
        "f.yaml:6:22: brands.acme.languages.0: `french` is not a language: two letters, as `en`",
        "f.yaml:6:46: brands.acme.look.colour: `green` is not a colour: # and 3 or 6 hex digits",
        "f.yaml:7:3: `acme` is given twice; the first stands in line 6",
        "f.yaml:10:12: streams.one.class: `marketng` is not one of marketing, transactional,"
        " personal; did you mean `marketing`?",
        "f.yaml:11:21: streams.one.packs.1: there is no pack `fr-b2bb`; did you mean `fr-b2b`?",
        "f.yaml:12:11: streams.one.mode: `enforced` is not one of observe, enforce;"
        " did you mean `enforce`?",
        "f.yaml:13:13: streams.one.rules.missing-postal-adress: there is no rule"
        " `missing-postal-adress`; did you mean `missing-postal-address`?",
        "f.yaml:13:69: streams.one.rules.deceptive-from.action: `rejct` is not one of allow, warn,"
        " fix-or-warn, fix-or-reject, fix, reject; did you mean `reject`?",
        "f.yaml:14:34: streams.two.brand: there is no brand `acmee`; did you mean `acme`?",
        "f.yaml:14:59: streams.two.match.listener: there is no listener `lmpt`;"
        " did you mean `lmtp`?",
        "f.yaml:15:36: streams.three.brand: there is no brand `acmee`; did you mean `acme`?",
        "f.yaml:16:36: streams.four.rules.mail-loop: always acts, a policy cannot set it",
    ]  # fmt: skip


def test_identifiers_must_agree() -> None:
    text = HEAD + 'identifiers: {siren: "732829320", siret: "35600000000048"}'
    assert "siret does not begin with the siren" in problems(text)[0]


AMBIGUOUS = """\
streams:
  one: {class: marketing, match: {listener: lmtp, sender: "@acme.example"}}
  two: {class: marketing, match: {listener: lmtp, sender: x@acme.example}}
"""


def test_two_streams_that_could_take_the_same_mail_name_both_lines() -> None:
    assert problems(HEAD + AMBIGUOUS) == [
        "f.yaml:5:27: streams.two.match: can take the same mail as `one` in f.yaml:4; give both a"
        " criterion in which they differ"
    ]


def test_ambiguity_is_found_across_files() -> None:
    one = HEAD + 'streams:\n  one: {class: marketing, match: {sender: "@acme.example"}}\n'
    two = one.replace("acme\n", "other\n", 1).replace("one:", "two:")
    assert "same mail as `one` in a.yaml:4" in problems({"a.yaml": one, "b.yaml": two})[0]
    assert problems({"a.yaml": one, "b.yaml": one}) == [
        "b.yaml:1:13: controller `acme` is already written in a.yaml:1",
        "b.yaml:4:3: streams.one: a stream of this name already stands in a.yaml:4",
    ]


def test_files_must_agree_on_what_matches_nothing() -> None:
    one = HEAD + "default: {class: refuse}\n"
    two = one.replace("acme", "other").replace("refuse", "personal")
    assert "a.yaml:3 says `refuse`" in problems({"a.yaml": one, "b.yaml": two})[0]
    assert load({"a.yaml": one.encode()}, rules=RULES).default_refuses


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml: empty: no controller, no streams"),
        ("# nothing\n", "f.yaml: empty"),
        ("[]", "expected a mapping"),
        (HEAD + "streams: {s: {class: personal, packs: [it]}}", "relayed unparsed"),
        (HEAD + "brands: {a: {}, b: {}}\nstreams: {s: {class: marketing}}", "say which: a, b"),
        (HEAD + "streams: {s: {class: marketing, match: {}}}", "names no criterion"),
        (HEAD + "streams: {S X: {class: marketing}}", "`S X` is not a name"),
        (HEAD + "streams: {s: {class: marketing, match: {client: nowhere}}}", "is not a network"),
        (HEAD + "streams: {s: {class: marketing, match: {sender: acme}}}", "or @domain in quotes"),
        (HEAD + "streams: {s: {class: marketing, rules: {deceptive-from: {action: warn, until:"
         " x}}}}", "deceptive-from.until"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, said: str) -> None:
    (problem,) = problems(text)
    assert said in problem


def test_defaults_of_listeners_must_exist() -> None:
    text = HEAD + "streams: {news: {class: marketing, match: {listener: lmtp}}}"
    assert problems(text, listeners=LISTENERS, defaults={"lmtp": "nws"}) == [
        "listener lmtp: there is no stream `nws`, its default; did you mean `news`?"
    ]
    assert "match names listener `lmtp`" in problems(text, defaults={"smtp": "news"})[0]
    assert compiled(text, defaults={"lmtp": "news"}).streams[0].name == "news"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{class: marketing, recipients: one, match: {listener: smtp}}",
         "f.yaml:5:37: streams.s.recipients: `one` on SMTP listener smtp"),
        ("{class: marketing, suppression: observe}", "still written to"),
        ("{class: marketing, packs: [it]}", "pack it is a draft that nobody has reviewed"),
        ("{class: marketing, packs: [it], edits: headers}",
         "`headers` leaves unmended what needs `body`: missing-unsubscribe-link"),
        ("{class: marketing, packs: [it]}",
         "`none` leaves unmended what needs `headers`: missing-list-unsubscribe"),
        ("{class: marketing}", "no unsubscribe.url"),
        ("{class: marketing}", "nothing is asked of it"),
        ("{class: marketing}", "takes no mail: no match, and no listener's default"),
        ("{class: marketing, rules: {tracked-links: warn}}", "is planned, not built"),
    ],
)  # fmt: skip
def test_what_is_right_but_should_be_looked_at(body: str, said: str) -> None:
    warnings = compiled(f"{HEAD}{BRAND}streams:\n  s: {body}\n").warnings
    assert sum(said in warning for warning in warnings) == 1, warnings
    assert all(warning.startswith("f.yaml:") for warning in warnings)


def test_edited_mail_of_a_brand_without_a_key_is_a_warning() -> None:
    text = HEAD + "streams: {s: {class: transactional, edits: headers, match: {listener: smtp}}}"
    assert ["no DKIM key" in w for w in compiled(text).warnings] == [True]
    text = text.replace("streams", f"{BRAND}streams")
    assert compiled(text).warnings == ()


def test_recipients_one_on_lmtp_is_no_warning() -> None:
    body = "{class: transactional, recipients: one, match: {listener: lmtp}}"
    assert compiled(f"{HEAD}streams: {{s: {body}}}").warnings == ()


def test_no_files_at_all_is_a_warning() -> None:
    policy = load({}, rules=RULES)
    assert policy.streams == ()
    assert policy.warnings == ("policies: no files: all mail is relayed as personal, unparsed",)


def test_the_version_changes_with_what_was_written() -> None:
    one, two = compiled(HEAD), compiled(HEAD + "# a word more\n")
    assert one.version == compiled(HEAD).version != two.version


class Shelf(dict[str, bytes]):
    """Packs by file name, and which were taken out to be read."""

    def __init__(self, packs: Mapping[str, bytes]) -> None:
        super().__init__(packs)
        self.taken: list[str] = []

    def __getitem__(self, name: str) -> bytes:
        self.taken.append(name)
        return super().__getitem__(name)


def test_a_pack_of_fifty_streams_is_compiled_once() -> None:
    names = "fr-b2b, fr-b2c, it, de, uk, us-can-spam, ca-casl, au-spam, mailbox-providers, m3aawg"
    body = "".join(
        f"  s{n}: {{class: marketing, packs: [{names}], match: {{from_domain: d{n}.example}}}}\n"
        for n in range(50)
    )
    shelf = Shelf(SHIPPED)
    assert len(compiled(f"{HEAD}streams:\n{body}", packs=shelf).streams) == 50
    assert sorted(shelf.taken) == sorted(f"{name}.yaml" for name in names.split(", "))


PIECES = [
    "", " ", "\n", ":", "- ", "[", "]", "{", "}", "'", '"', "&a ", "*a", "!!int ", "#", "|", "~",
    "null", "true", "1e999", "\x00", "\ufeff", "é", "@", "%", "? ", "---\n", "<<: ", "0x1",
]  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(ACME)), st.integers(0, 40), st.sampled_from(PIECES)),
        min_size=1,
        max_size=5,
    )
)
def test_a_damaged_file_is_compiled_or_refused(cuts: list[tuple[int, int, str]]) -> None:
    text = ACME
    for start, length, piece in cuts:
        text = text[:start] + piece + text[start + length :]
    for problem in found(text):
        assert problem.text
        assert problem.file == "f"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=120) | st.text(max_size=120).map(str.encode))
def test_arbitrary_octets_are_refused(octets: bytes) -> None:
    with pytest.raises(Problems):
        load({"f": octets}, rules=RULES)
