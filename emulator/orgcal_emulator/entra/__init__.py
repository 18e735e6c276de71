"""Entra ID: metadata, tokens, admin consent."""
