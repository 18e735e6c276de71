"""Clients of Entra ID and Microsoft Graph: clouds, credentials, tokens, requests, and the probe of a tenant.

    endpoints = load_endpoints("public", os.environ)                              # clouds
    with new_session(endpoints) as session:                                       # session
        secret = ClientSecret(value)                                              # credentials
        tokens = TokenSource(endpoints, "contoso.com", client_id, secret, session)         # auth
        print(probe_tenant(endpoints, tokens, session, client_id, declared).sentence)      # probe

Names are imported from the modules below, so that a command loads only what it needs: requests comes with `session`,
MSAL with the first token.
"""

__all__ = [
    "aadsts",
    "auth",
    "clouds",
    "credentials",
    "discovery",
    "graph",
    "permissions",
    "probe",
    "session",
    "tenant_ids",
]
