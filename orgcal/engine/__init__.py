"""Finds, installs or builds the Pulumi engine (`find.find_engine`), and the plugins that belong to it."""
