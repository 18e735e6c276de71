"""How a scalar is spelled in a stack's file, and what Pulumi's engine 3.274.1 hands to a program.

`tests/engine/test_engine_config.py` compares the table with the engine.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Scalar(NamedTuple):
    """One spelling.

    Attributes:
        yaml: as it stands in the file.
        text: as a program gets it where the scalar is a setting of its own.
        inner: as a program gets it, by JSON, within a mapping or a list.
    """

    yaml: str
    text: str
    inner: Any


SCALARS = (
    *(Scalar(word, word, word) for word in ("yes", "Yes", "no", "on", "off", "y", "n", "10:30", "=", "1e", "0x", "é")),
    *(Scalar(word, "true", True) for word in ("true", "True", "TRUE", '!!bool "true"')),
    *(Scalar(word, "false", False) for word in ("false", "False", "FALSE")),
    *(Scalar(word, "", None) for word in ("~", "null", "Null", "NULL", "")),
    *(Scalar(word, "1", 1) for word in ("1", "+1", "01", "1.0", "1.", '!!int "1"')),
    *(Scalar(word, "15", 15) for word in ("017", "0o17", "0xf", "0XF", "0b1111", "1_5", "1.5e1")),
    *(Scalar(word, "1000", 1000) for word in ("1e3", "1E3", "1_000")),
    *(Scalar(word, "0.5", 0.5) for word in (".5", "+.5", "0.50")),
    *(Scalar(word, "0", 0) for word in ("0", "-0", "-0.0")),
    Scalar("08", "8", 8),
    Scalar("-1", "-1", -1),
    Scalar("9007199254740993", "9007199254740993", 9007199254740993),
    Scalar("1e21", "1e+21", 1e21),
    Scalar("1e400", "1e400", "1e400"),
    Scalar("2024-01-01", "2024-01-01 00:00:00 +0000 UTC", "2024-01-01 00:00:00 +0000 UTC"),
    Scalar("2024-01-01T10:00:00.50+02:00", *["2024-01-01 10:00:00.5 +0200 +0200"] * 2),
    Scalar('"2024-01-01"', "2024-01-01", "2024-01-01"),
    Scalar('"True"', "True", "True"),
    Scalar("'1'", "1", "1"),
    Scalar('"null"', "null", "null"),
    Scalar('""', "", ""),
    Scalar('" a "', " a ", " a "),
    Scalar("!!str 1", "1", "1"),
    Scalar("!ours 1", "1", "1"),
    Scalar("!!binary aGk=", "hi", "hi"),
)
