"""Where keys stand in a TOML file."""

import tomllib

import pytest

from bossa.config.lines import line_of, positions

SPECIMEN = '''# a comment with [brackets] and key = value
top = 1

[domain] # [not.a.header]
name = "a # b = c"  # x = 1
"quoted key" = 2
'single\\' = 3
[ dns . "deep" ]
list = [ # comment ]
  "]", '[',
  { a = 1, b = "}" },
]
after = 1
text = """
[no.header]
no_key = 1 \\""" ""still"""""
lit = \'\'\'
lit_no = 1
it''s\'\'\'
a.b = 1
a."c" = 2
[[many]]
x = 1
[[many]]
x = 2'''


def test_every_spelling_of_keys_and_values_is_stepped_over():
    tomllib.loads(SPECIMEN)
    found = positions(SPECIMEN)
    assert found == {
        ("top",): 2,
        ("domain",): 4,
        ("domain", "name"): 5,
        ("domain", "quoted key"): 6,
        ("domain", "single\\"): 7,
        ("dns", "deep"): 8,
        ("dns", "deep", "list"): 9,
        ("dns", "deep", "after"): 13,
        ("dns", "deep", "text"): 14,
        ("dns", "deep", "lit"): 17,
        ("dns", "deep", "a", "b"): 20,
        ("dns", "deep", "a", "c"): 21,
        ("many",): 22,
        ("many", "x"): 23,
    }


def test_a_key_inside_an_inline_table_has_the_line_of_the_table():
    assert line_of(positions("\n\ndns = { workers = 2 }\n"), ("dns", "workers")) == 3


def test_a_key_that_stands_nowhere_has_no_line():
    assert line_of(positions("a = 1"), ("b",)) is None


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_endings_do_not_move_lines(ending):
    assert positions(ending.join(["[a]", "", "b = 1", "c = 2"]))[("a", "c")] == 4


def test_escapes_in_a_quoted_key_are_read():
    assert positions('"\\u0061" = 1') == {("a",): 1}
