"""`python -P -m orgcal.provider.azuread ENGINE_ADDRESS`: started by the engine through the launcher of a stack."""

from __future__ import annotations

from orgcal.provider._server import serve
from orgcal.provider.azuread.plugin import new_provider


def main() -> None:
    """Serve the stand-in."""
    serve(new_provider())


if __name__ == "__main__":
    main()
