"""A Pulumi program of its own: the identities that CI logs in as. `orgcal ci setup` writes its settings and runs it."""
