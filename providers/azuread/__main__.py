"""`python -P -m providers.azuread ENGINE_ADDRESS`: started by the engine through `pulumi-resource-azuread`."""

from __future__ import annotations

from providers.azuread.plugin import new_provider
from providers.azuread.server import serve


def main() -> None:
    """Serve the stand-in."""
    serve(new_provider())


if __name__ == "__main__":
    main()
