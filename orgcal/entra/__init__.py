"""Clients of Entra ID and Microsoft Graph: clouds (addresses), tokens, requests."""
