"""Our own plugin, package `orgcal`: a connector's entry, its credential, and the ledger of generations."""
