"""Integration platforms: where a connector's catalog entry and credentials live."""
