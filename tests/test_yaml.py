"""Values, lines and variables of YAML files."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.errors import ProjectError
from headgate.yaml import SECRET_LENGTH, masked, parse_yaml, read_dotenv, read_yaml

FILE = Path("file.yml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("2024-01-31", "2024-01-31"),
        ("12:30", "12:30"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("7", 7),
        ("-0", 0),
        ("0x1f", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("'7'", "7"),
        ("=", "="),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = parse_yaml(f"a: {text}", FILE).data["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_not_turned_into_booleans() -> None:
    assert parse_yaml("{no: 1, on: 2, y: 3}", FILE).data == {"no": 1, "on": 2, "y": 3}


def test_every_value_knows_its_line() -> None:
    document = parse_yaml("# comment\nname: a\ncolumns:\n  x:\n    - 1\n    - two\n", FILE)
    assert document.line_of(("name",)) == 2
    assert document.line_of(("columns", "x")) == 4
    assert document.line_of(("columns", "x", 1)) == 6
    assert document.line_of(("columns", "x", 1, "absent")) == 6
    assert document.line_of(("columns", "absent")) == 3
    assert document.place(("columns",)) == "file.yml:3"


def test_anchors_and_merge_keys_are_read() -> None:
    document = parse_yaml("base: &base {a: 1, b: 2}\nmore:\n  <<: *base\n  b: 3\n", FILE)
    assert document.data["more"] == {"a": 1, "b": 3}


def test_a_key_given_twice_is_an_error_with_both_lines() -> None:
    with pytest.raises(ProjectError, match="'a' stands here a second time") as caught:
        parse_yaml("a: 1\nb: 2\na: 3\n", FILE)
    assert caught.value.place == "file.yml:3"
    assert "line 1" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: b: c\n", 1), ("a: 1\nb: [1, 2\n", 3), ("a: 1\n\tb: 2\n", 2), ("a: *gone\n", 1), ("? [x]\n: 1\n", 1)],
)
def test_what_is_not_yaml_names_the_line(text: str, line: int) -> None:
    with pytest.raises(ProjectError) as caught:
        parse_yaml(text, FILE)
    assert caught.value.place == f"file.yml:{line}"
    assert caught.value.hint


def test_text_that_no_yaml_may_hold_is_a_project_error() -> None:
    with pytest.raises(ProjectError, match="not YAML"):
        parse_yaml("a: \x00", FILE)


def test_variables_come_from_the_environment_given() -> None:
    document = parse_yaml(
        "url: postgresql://u:${PASSWORD}@h\nport: ${PORT:-5432}\nkept: $${PASSWORD}\nplain: a\n",
        FILE,
        {"PASSWORD": "s3"},
    )
    assert document.data == {"url": "postgresql://u:s3@h", "port": "5432", "kept": "${PASSWORD}", "plain": "a"}
    assert document.secrets == {("url",), ("port",)}


def test_variables_stay_text_without_an_environment() -> None:
    assert parse_yaml("a: ${NAME}", FILE).data == {"a": "${NAME}"}


def test_a_variable_that_is_not_set_is_named_with_its_line() -> None:
    with pytest.raises(ProjectError, match="'TOKEN' is not set") as caught:
        parse_yaml("a: 1\nb: ${TOKEN}\n", FILE, {})
    assert caught.value.place == "file.yml:2"


def test_a_missing_file_and_wrong_bytes_are_project_errors(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="There is no file"):
        read_yaml(tmp_path / "gone.yml")
    (tmp_path / "latin.yml").write_bytes("a: é".encode("latin-1"))
    with pytest.raises(ProjectError, match="not UTF-8"):
        read_yaml(tmp_path / "latin.yml")
    with pytest.raises(ProjectError, match="cannot be read"):
        read_yaml(tmp_path)


def test_a_byte_order_mark_and_an_empty_file_are_fine(tmp_path: Path) -> None:
    (tmp_path / "bom.yml").write_bytes(b"\xef\xbb\xbfa: 1")
    (tmp_path / "empty.yml").write_bytes(b"# nothing\n")
    assert read_yaml(tmp_path / "bom.yml").data == {"a": 1}
    assert read_yaml(tmp_path / "empty.yml").data == {}


def test_dotenv_reads_quotes_exports_and_comments(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# comment\n\nA=1\nexport B = two words # note\nC=\"x # y\" # note\nD='$E'\nF=a#b\nG=\n", encoding="utf-8"
    )
    assert read_dotenv(tmp_path / ".env") == {"A": "1", "B": "two words", "C": "x # y", "D": "$E", "F": "a#b", "G": ""}


def test_dotenv_does_not_show_a_line_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nhunter2\n", encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        read_dotenv(tmp_path / ".env")
    assert "hunter2" not in str(caught.value)
    assert str(caught.value.place).endswith(".env:2")


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a: 1\nb: !!int x", "'x' is no int", 2),
        ("a: !!int ''", "'' is no int", 1),
        ("a: !!float 1,5", "'1,5' is no float", 1),
        ("!!bool x: 1", "'x' is no bool", 1),
        ("a: !!timestamp x", "'x' is no timestamp", 1),
        ("a:\n- " + "9" * 5000, f"'{'9' * 57}...' is no int", 2),
        ("a: b\nc: \x00", r"control character '\x00'", 2),
        ("a: \x7f", r"control character '\x7f'", 1),
        ("a: &a [*a]", "nested more than 100 deep", 1),
        ("a: &a\n  b: *a", "nested more than 100 deep", 1),
        ("a: " + "[" * 101 + "]" * 101, "nested more than 100 deep", 1),
        # As deep as this, PyYAML overflows the stack of the process.
        ("a:\n  " + "[" * 200_000 + "]" * 200_000, "nested more than 100 deep", 2),
        ("- " * 100_000 + "a", "nested more than 100 deep", 1),
        ("\n".join(" " * depth + "a:" for depth in range(1500)), "nested more than 100 deep", 101),
        ("b0: &b0 1\n" + "".join(f"b{n}: &b{n} [{f'*b{n - 1}, ' * 9}]\n" for n in range(1, 9)), "1,000,000 values", 2),
        ("? [a]\n: b", "A key is a list or a mapping", 1),
    ],
)
def test_what_cannot_be_read_says_so_with_its_line(text: str, message: str, line: int) -> None:
    with pytest.raises(ProjectError) as raised:
        parse_yaml(text, FILE)
    assert message in raised.value.message
    assert raised.value.place == f"file.yml:{line}"
    assert raised.value.hint


def test_what_is_nested_as_deep_as_may_be_is_read() -> None:
    found = parse_yaml("a: " + "[" * 99 + "]" * 99, FILE).data["a"]
    depth = 1
    while found:
        found, depth = found[0], depth + 1
    assert depth == 99


@pytest.mark.parametrize("name", ["file.yml", ".env"])
def test_bytes_that_are_not_utf8_have_a_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"A=1\nB=\xe9\n")
    with pytest.raises(ProjectError, match=r"not UTF-8: .*0xe9") as raised:
        read_dotenv(path) if name == ".env" else read_yaml(path)
    assert raised.value.place == f"{path}:2"


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("it's-a-key", "cast('it''s-a-key' as int)", "cast('${KEY}' as int)"),
        ('a "quoted" key', 'select "a ""quoted"" key"', 'select "${KEY}"'),
        ("-----BEGIN-----\nMIIEvQIBADAN\n", "LINE 1: select '-----BEGIN-----", "LINE 1: select '${KEY}"),
        ("-----BEGIN-----\r\nMIIEvQIBADAN", "LINE 2: MIIEvQIBADAN'", "LINE 2: ${KEY}'"),
        ("  spaced out  ", "bad   spaced out", "bad   ${KEY}"),
        ("select\n1 as one", "LINE 1: select", "LINE 1: select"),
    ],
)
def test_a_value_is_masked_as_sql_and_duckdb_write_it(value: str, text: str, shown: str) -> None:
    assert masked(text, {value: "${KEY}"}, SECRET_LENGTH) == shown
