"""Secrets as shells, editors and portals leave them: what is read, and whole sentences for what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgcal.entra.secret_text import SecretSource, bare, readable_by_others
from orgcal.errors import UsageError

MIB = 1 << 20
ALONE = "put the client secret into it, and nothing else"


def of(content: bytes | str) -> SecretSource:
    return SecretSource("here", Path("my secret"), content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("hush", "hush"),
        ("\u3000\t\x0bhush\u2060\ufeff\r\n", "hush"),
        *[(f"{pair[0]} hush {pair[1]}", "hush") for pair in ("''", '""', "``", "\u2018\u2019", "\u201c\u201d")],
        ("'hush\"", "'hush\""),
        ("\u2019hush\u2018", "\u2019hush\u2018"),
        ("''hush''", "'hush'"),
        ("'hush", "'hush"),
        ("hush'", "hush'"),
        ("'", "'"),
        ("''", ""),
        ("'a'", "a"),
        ("abba", "abba"),
        ("", ""),
        (" \n ", ""),
        ("hu sh", "hu sh"),
    ],
)
def test_blanks_and_one_pair_of_quotes_around_a_text_are_no_part_of_it(text: str, secret: str) -> None:
    assert bare(text) == secret


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hush".encode("utf-8-sig"), "hush"),
        ("hush".encode("utf-16"), "hush"),
        (b"\xff\xfe" + "gr\u00fc\u00df".encode("utf-16-le"), "gr\u00fc\u00df"),
        (b"\xfe\xff" + "gr\u00fc\u00df".encode("utf-16-be"), "gr\u00fc\u00df"),
        ("hush".encode("utf-16-le"), "hush"),
        ("hush".encode("utf-16-be"), "hush"),
        ("h".encode("utf-16-le"), "h"),
        ("gr\u00fc\u00df".encode(), "gr\u00fc\u00df"),
        (b"", ""),
    ],
)
def test_text_is_read_in_every_encoding_of_windows(content: bytes, text: str) -> None:
    assert of(content).text() == text


@pytest.mark.parametrize(
    "content",
    [b"gr\xfc\xdf", "gr\u00fc\u00df\u4e2d".encode("utf-16-le"), b"\xff\xfea", b"a\0\0", b"\xef\xbb\xbf\xff"],
)
def test_content_that_is_no_text_is_told_how_to_convert_it(content: bytes) -> None:
    with pytest.raises(UsageError) as refused:
        of(content).text()

    assert vars(refused.value) == {
        "what": "the file my secret is not text in UTF-8 or UTF-16",
        "where": "here",
        "repair": "iconv -f ENCODING -t UTF-8 'my secret' > NEW, or save the secret anew as UTF-8",
    }
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"a": "hush"}', "holds JSON"),
        ('["hush"]', "holds JSON"),
        ('{"hush"]', "holds JSON"),
        ("AZURE_CLIENT_SECRET=hush", "holds AZURE_CLIENT_SECRET=…, as a file of variables does"),
        ("export  ARM_CLIENT_SECRET = hush", "holds ARM_CLIENT_SECRET=…, as a file of variables does"),
        ("hush\nhush\nhush", "holds 3 lines"),
        ("hush\rhush", "holds 2 lines"),
        ("hu\x07sh", "holds control characters"),
        ("hu\u2028sh", "holds control characters"),
        ("hush\\n", "ends in \\n, written as two characters"),
        ("hush\\r", "ends in \\r, written as two characters"),
    ],
)
def test_content_that_is_not_one_secret_is_told_without_it(content: str, problem: str) -> None:
    with pytest.raises(UsageError) as refused:
        of(content).secret()

    what = f"the file my secret {problem}; expected the client secret alone"
    assert vars(refused.value) == {"what": what, "where": "here", "repair": ALONE}


@pytest.mark.parametrize(
    "secret", ["{hush}", "[hush]", '{"hush', 'hush"}', '"a":{', "A=hush", "a_b=hush", "hush\\n~", "hush\\t", "\u00fc h"]
)
def test_secret_that_only_looks_like_something_else_is_taken(secret: str) -> None:
    assert of(secret).secret() == secret


@pytest.mark.parametrize(("secret", "good"), [("!h~", True), ("h h", False), ("h\u00fc", False), ("h\u00a1h", False)])
def test_secret_for_a_header_has_printable_ascii_alone(secret: str, good: bool) -> None:
    if good:
        assert of(secret).secret("API key", ascii_only=True) == secret
        return
    with pytest.raises(UsageError) as refused:
        of(secret).secret("API key", ascii_only=True)

    assert vars(refused.value) == {
        "what": "the file my secret has blanks or characters beyond ASCII; expected the API key alone",
        "where": "here",
        "repair": "put the API key into it, and nothing else",
    }
    assert of(secret).secret() == secret


def test_problem_of_a_secret_comes_before_its_characters() -> None:
    with pytest.raises(UsageError, match="holds 2 lines; expected the API key alone"):
        of("a\u00fc\nb").secret("API key", ascii_only=True)


@pytest.mark.parametrize("content", ["", " \n", "''"])
def test_secret_that_is_empty_is_told_what_belongs_there(content: str) -> None:
    with pytest.raises(UsageError) as refused:
        of(content).secret()

    assert vars(refused.value) == {"what": "the file my secret is empty", "where": "here", "repair": ALONE}


# --- files and variables ---


def test_variable_is_called_by_its_name_and_has_no_file() -> None:
    source = SecretSource.of_variable({"V": "caf\u00e9\udcff"}, "V")

    assert source == SecretSource("V", None, b"caf\xc3\xa9\xff")
    assert (source.called, source.argument) == ("its value", "FILE")
    assert SecretSource.of_variable({}, "V") == SecretSource("V", None, b"")
    assert "caf" not in repr(source)


def test_file_is_called_by_what_names_it(tmp_path: Path) -> None:
    path = tmp_path / "my secret"
    path.write_bytes(b"hush")

    plain, named = SecretSource.of_file(path), SecretSource.of_file(path, "VARIABLE")

    assert plain == SecretSource(str(path), path, b"hush")
    assert named == SecretSource("VARIABLE", path, b"hush")
    assert (plain.called, named.called) == ("the file", f"the file {path}")
    assert plain.argument == named.argument == f"'{path}'"


def test_file_of_a_mebibyte_is_read_and_a_longer_one_is_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(bytes(MIB))
    assert len(SecretSource.of_file(path).content) == MIB

    for size in (MIB + 1, MIB + 9):
        path.write_bytes(bytes(size))
        with pytest.raises(UsageError) as refused:
            SecretSource.of_file(path)
        what = "the file is longer than 1048576 bytes, so it holds no secret"
        assert vars(refused.value) == {"what": what, "where": str(path), "repair": "name the right file"}


@pytest.mark.parametrize(
    ("name", "reason"), [("gone", "No such file or directory"), (".", "Is a directory"), ("\0", "its name is none")]
)
def test_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / name

    with pytest.raises(UsageError) as refused:
        SecretSource.of_file(path, "V")

    assert vars(refused.value) == {
        "what": f"the file {path} cannot be read ({reason})",
        "where": "V",
        "repair": "name the right file, and check who may read it",
    }


@pytest.mark.parametrize(
    ("mode", "others"), [(0o600, False), (0o700, False), (0o604, True), (0o620, True), (0o601, True)]
)
def test_file_that_others_may_use_is_known_by_its_mode(tmp_path: Path, mode: int, others: bool) -> None:
    path = tmp_path / "secret"
    path.write_text("")
    path.chmod(mode)

    assert readable_by_others(path) is others
