"""Names of the worlds a stack can live in."""

from __future__ import annotations

from typing import Literal, get_args

Cloud = Literal["emulator", "public", "usgov", "china"]
CLOUDS: tuple[str, ...] = get_args(Cloud)
