from __future__ import annotations

import pytest

from autograder.release.texts import Entry, Text, code, digits, tight


@pytest.mark.parametrize(
    ("number", "significant"),
    [
        ("163.28154", "16328154"),
        ("0.05310", "531"),
        ("5.31e-2", "531"),
        ("1_000_000", "1"),
        ("918_273_645", "918273645"),
        ("0.0", ""),
    ],
)
def test_significant_digits_do_not_depend_on_how_a_number_is_written(number: str, significant: str) -> None:
    assert digits(number) == significant


def test_numbers_stand_alone() -> None:
    text = Text("x=12345.5, v12345678, 0x123456, 1.23456e3; 98765 1.2.34567 1234")
    assert text.numbers == {"123455", "123456", "98765"}


def test_comments_and_spaces_do_not_count() -> None:
    assert code("  x = y  # why") == "x=y" and code("# all") == "" and tight(" a\n b\t") == "ab"
    assert Text("a = 1\n\n# b = 2\n> c = 3").lines == ("a=1", ">c=3", "", "b=2", "c=3")


def test_json_is_read_as_what_it_says() -> None:
    entry = Entry("n.ipynb", b'{"source": ["a = \\"1\\"\\n", "b"], "k": {"deep": "\\u00e9"}}')
    assert 'a = "1"\nb' in entry.text.raw and "é" in entry.text.raw and "deep" in entry.text.raw
    assert Entry("x", b"{not json").text.raw == "{not json"


def test_a_text_knows_the_line_of_what_is_found() -> None:
    assert Text("a\nb  c\n").line_of("bc") == 2
    assert Text("a\nb\nc\n").line_of("bc") == 0
