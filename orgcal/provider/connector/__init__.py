"""Our own plugin, package `orgcal`: a connector's entry, its credential, and the ledger of generations."""

VERSION = "0.1.0"
"""The package's version; `plugins.providers` in Pulumi.yaml names the same."""
