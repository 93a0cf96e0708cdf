import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.policy.source import DEPTH, Problem, Problems, did_you_mean, read, write


def only(octets: bytes) -> str:
    source = read("f", octets)
    assert len(source.problems) == 1, source.problems
    return str(source.problems[0])


def test_values_of_the_core_schema() -> None:
    text = (
        "a: 1\nb: 0x1f\nc: 0o17\nd: 1.5\ne: 'true'\nf: true\ng: no\nh: ~\ni:\nj: 2027-01-01\nk: -3"
    )
    assert read("f", text.encode()).value == {
        "a": 1, "b": 31, "c": 15, "d": 1.5, "e": "true", "f": True, "g": "no",
        "h": None, "i": None, "j": "2027-01-01", "k": -3,
    }  # fmt: skip


def test_a_string_tag_makes_a_string() -> None:
    assert read("f", b"a: !!str 12").value == {"a": "12"}


def test_places_of_keys_and_values() -> None:
    source = read("f", b"a:\n  bb: [x, yy]\n")
    assert source.at(("a", "bb")) == (2, 7)
    assert source.at(("a", "bb"), key=True) == (2, 3)
    assert source.at(("a", "bb", 1)) == (2, 11)
    assert source.at(("a", "bb", 1, "deeper")) == (2, 11), "the nearest above"
    assert source.line(("a", "bb")) == "f:2"


def test_every_duplicate_key_is_named_and_the_first_value_stands() -> None:
    source = read("f", b"a: 1\na: 2\nb: {c: 1, c: {d: 2}}\n")
    assert [str(p) for p in source.problems] == [
        "f:2:1: `a` is given twice; the first stands in line 1",
        "f:3:11: `c` is given twice; the first stands in line 3",
    ]
    assert source.value == {"a": 1, "b": {"c": 1}}
    assert source.at(("b", "c")) == (3, 8)


def test_an_alias_repeats_a_value_and_stands_where_it_is_written() -> None:
    source = read("f", b"a: &x [1, 2]\nb: *x\n")
    assert source.value == {"a": [1, 2], "b": [1, 2]}
    assert source.at(("b", 1)) == (2, 4)


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 9)]
    assert "more than 100000 values" in only(b"\n".join(lines))


def test_a_value_that_holds_itself_is_refused() -> None:
    assert "no anchor &a before this alias" in only(b"a: &a [*a]\n")


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"a: \xff", "f:1:4: not UTF-8"),
        (b"x: 1\na: [1, 2\nb: 3\n", "f:3:"),
        (b"a: 1\n---\nb: 2\n", "a second document; only one is read"),
        (b"a: !!python/object:os.system x", "is not read here"),
        (b"? [a, b]\n: 1\n", "f:1:3: a key must be a word"),
        (b"a: @acme.example\n", "f:1:4: found character '@' that cannot start any token"),
        (b"[" * (DEPTH + 9) + b"]" * (DEPTH + 9), f"nested more than {DEPTH} levels deep"),
        (b"a: \x00", "f:1:4"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_its_place(octets: bytes, said: str) -> None:
    assert said in only(octets)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert read("f", b"\xef\xbb\xbfa: 1").value == {"a": 1}


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    source = read("f", octets)
    assert source.problems == sorted(source.problems)
    assert all(p.file == "f" and p.line >= 0 and p.text for p in source.problems)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab:-?[]{}&*!|>'\"%#, \n\t0.~", max_size=60))
def test_any_yaml_like_text_is_read_or_refused(text: str) -> None:
    source = read("f", text.encode())
    assert len(source.problems) <= 60


words = st.text(alphabet="abz019 .:-_#'\"[]{}~!&*%@|>,\\éà/", max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(words, plain, max_size=5))
def test_what_is_written_reads_back(value: dict[str, object]) -> None:
    source = read("f", write(value).encode())
    assert source.problems == []
    assert source.value == value


def test_problems_are_sorted_and_said_once() -> None:
    problems = Problems([Problem("b", 1, 1, "x"), Problem("a", 9, 1, "y"), Problem("a", 9, 1, "y")])
    assert str(problems) == "a:9:1: y\nb:1:1: x"
    assert str(Problem("a", 0, 0, "gone")) == "a: gone"


def test_did_you_mean() -> None:
    assert did_you_mean("marketng", ["marketing", "personal"]) == "; did you mean `marketing`?"
    assert did_you_mean("zebra", ["marketing"]) == ""
