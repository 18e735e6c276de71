"""Clients of Entra ID and Microsoft Graph: worlds (addresses), tokens, requests."""
