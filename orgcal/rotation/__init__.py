"""Replacing a connector's credential without an outage: add, prove, activate and prove again, retire.

Which step is next follows from the stack's state, its file and the clock (`steps`); nothing else remembers it, so a run
that died is continued by the next one. docs/rotation.md is the runbook.
"""
