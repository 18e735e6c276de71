"""Integration platforms: where a connector's catalogue entry and credentials live."""
