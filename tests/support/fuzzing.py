"""How many cases generators make: few in `make test`, many in `make fuzz`."""

from __future__ import annotations

import os

FACTOR_VARIABLE = "ORGCAL_FUZZ_FACTOR"


def examples(usual: int) -> int:
    """The examples of a test of Hypothesis that makes `usual` ones in `make test`."""
    return usual * int(os.environ.get(FACTOR_VARIABLE) or 1)


def examples_of(test: object) -> int:
    """How many examples a test function asks Hypothesis for; 1 of another test."""
    made = getattr(test, "_hypothesis_internal_use_settings", None)
    return made.max_examples if made is not None else 1
