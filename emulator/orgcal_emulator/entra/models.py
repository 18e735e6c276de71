"""Issues access tokens to applications."""

from __future__ import annotations

import re
import secrets
from typing import Any

from orgcal_emulator.clock import Clock, parse_rfc3339
from orgcal_emulator.directory.credentials import matches
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import Application, ServicePrincipal, Tenant, is_guid
from orgcal_emulator.directory.serializers import principal_shape
from orgcal_emulator.entra import errors
from orgcal_emulator.entra.assertions import AssertionChecker
from orgcal_emulator.entra.audiences import (
    RESOURCE_MANAGER_ADDRESSES,
    RESOURCE_MANAGER_CLIENT_ID,
    OwnAddresses,
    client_of,
)
from orgcal_emulator.entra.keys import SigningKey

TOKEN_LIFETIME_S = 3599
"""Seconds a token lives; Entra gives 60 to 90 minutes and says 3599 in its examples.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

_INTERACTIVE_GRANTS = frozenset({
    "authorization_code", "refresh_token", "password", "device_code", "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:saml2-bearer",
})  # fmt: skip
"""Grants that Entra takes on behalf of users, which are not modelled."""

OPENID_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
"""Scopes that belong to no resource."""

_NOT_NAMED = ("common", "organizations", "consumers")


_MICROSOFTS = re.compile(
    r"https://(?:[\w-]+\.)*(?:microsoft|azure|office|office365|windows|sharepoint|powerbi|dynamics)\.(?:com|net|us)/?",
    re.IGNORECASE,
)
"""Resources of Microsoft's that every tenant can get tokens for, or might: Exchange, Azure Storage."""


class NotEmulatedError(Exception):
    """A grant or resource that Entra knows and this emulator does not.

    Args:
        what: names it.
        oauth_error: OAuth's name for such a refusal.
    """

    def __init__(self, what: str, oauth_error: str = "invalid_request") -> None:
        super().__init__(what)
        self.oauth_error = oauth_error


class TokenService:
    """The token endpoint behind its HTTP form."""

    def __init__(
        self,
        directory: Directory,
        clock: Clock,
        key: SigningKey,
        assertions: AssertionChecker,
        directory_id: str,
        addresses: OwnAddresses,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._key = key
        self._assertions = assertions
        self._directory_id = directory_id
        self._addresses = addresses
        self._without_oid = 0

    def leave_out_oid(self, tokens: int) -> None:
        """Let the next tokens of applications in tenants of others have neither `oid` nor roles.

        Entra gives such tokens for about a minute after a consent, and gave them to applications without a service
        principal until 2026-03-31; Graph answers them with 401 `Authorization_IdentityNotFound`. Source:
        https://docs.azure.cn/en-us/entra/identity-platform/retire-service-principal-less-authentication

        Raises:
            ValueError: `tokens` is no whole number from 0 to 1,000,000.
        """
        if type(tokens) is not int or not 0 <= tokens <= 1_000_000:
            raise ValueError("`without_oid` must be a whole number of tokens from 0 to 1000000")
        self._without_oid = tokens

    def tenant(self, named: str) -> Tenant:
        """The tenant that an address names by id or domain.

        Raises:
            EntraFailure: there is none.
        """
        if named.lower() in _NOT_NAMED:
            raise errors.no_tenant()
        tenant = self._directory.tenant(named)
        if tenant is None:
            raise errors.unknown_tenant(named) if is_guid(named) or "." in named else errors.malformed_tenant(named)
        return tenant

    def issue(self, tenant_named: str, form: dict[str, str], base_url: str) -> dict[str, Any]:
        """The answer to a client_credentials request.

        Args:
            form: `client_id`, `scope` (or `resource` for the v1 endpoint) and a credential.
            base_url: address of this emulator, one of Graph's audiences here.

        Raises:
            EntraFailure: in Entra's shape.
            NotEmulatedError: Entra would go on.
        """
        tenant = self.tenant(tenant_named)
        for name in ("grant_type", "client_id"):
            if not form.get(name):
                raise errors.missing_parameter(name)
        if form["grant_type"] in _INTERACTIVE_GRANTS:
            raise NotEmulatedError(f"grant_type {form['grant_type']}", "unsupported_grant_type")
        if form["grant_type"] != "client_credentials":
            raise errors.unsupported_grant(form["grant_type"][:80])
        if not form.get("scope"):
            raise errors.missing_parameter("scope")
        client_id = form["client_id"].lower()
        application, principal = self._client(tenant, client_id)
        strength = self._prove(application, principal, tenant, form, base_url)
        audience, resource = self._resource(tenant, form["scope"])
        token = self._mint(tenant, application, principal, audience, resource, strength, base_url)
        return {
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME_S,
            "ext_expires_in": TOKEN_LIFETIME_S,
            "access_token": token,
        }

    def _client(self, tenant: Tenant, client_id: str) -> tuple[Application, ServicePrincipal]:
        application = self._directory.application_by_client(client_id, "entra")
        if application is None:
            raise errors.unknown_client(client_id, tenant.display_name)
        principal = self._directory.principal_by_client(tenant.tenant_id, client_id, "entra")
        if principal is None:
            if application.tenant_id == tenant.tenant_id:
                raise errors.no_principal(client_id, tenant.tenant_id)
            raise errors.unknown_client(client_id, tenant.display_name)
        if application.tenant_id != tenant.tenant_id and application.properties["signInAudience"] == "AzureADMyOrg":
            raise errors.unknown_client(client_id, tenant.display_name)
        if principal.properties["accountEnabled"] is False:
            raise errors.disabled_client(client_id)
        return application, principal

    def _prove(
        self, application: Application, principal: ServicePrincipal, tenant: Tenant, form: dict[str, str], base_url: str
    ) -> str:
        """The strength of the credential in `form`: "1" for a secret, "2" for an assertion."""
        if form.get("client_assertion"):
            if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
                raise errors.missing_parameter("client_assertion_type")
            self._assertions.check(application, principal, tenant, form["client_assertion"], base_url)
            return "2"
        if not form.get("client_secret"):
            raise errors.no_credential()
        expired = False
        for owner in (application, principal):
            for credential in owner.properties["passwordCredentials"]:
                hashed = owner.secret_hashes.get(credential["keyId"], "")
                if hashed and matches(form["client_secret"], hashed):
                    if parse_rfc3339(credential["endDateTime"]) > self._clock.now():
                        return "1"
                    expired = True
        raise errors.expired_secret(application.client_id) if expired else errors.wrong_secret(application.client_id)

    def _resource(self, tenant: Tenant, scope: str) -> tuple[str, ServicePrincipal]:
        """The audience of a scope such as `https://graph.microsoft.com/.default`, and what answers to it.

        Scopes of OpenID Connect beside it mean nothing without a user; MSAL for Go sends them with every request.
        """
        asked = [each for each in scope.split() if each not in OPENID_SCOPES]
        if len(asked) != 1 or not asked[0].endswith("/.default"):
            raise errors.wrong_scope(scope[:200])
        audience = asked[0].removesuffix("/.default")
        if audience.removesuffix("/") in RESOURCE_MANAGER_ADDRESSES:
            return audience, ServicePrincipal(
                tenant.tenant_id, "", RESOURCE_MANAGER_CLIENT_ID, {"keyCredentials": []}, []
            )
        principal = self._directory.principal_by_client(
            tenant.tenant_id, client_of(self._directory, self._addresses, audience)
        )
        if principal is not None:
            return audience, principal
        if _MICROSOFTS.fullmatch(audience):
            raise NotEmulatedError(f"resource {audience}"[:200], "invalid_resource")
        raise errors.unknown_resource(audience[:200], tenant.display_name, tenant.tenant_id)

    def _mint(
        self,
        tenant: Tenant,
        application: Application,
        principal: ServicePrincipal,
        audience: str,
        resource: ServicePrincipal,
        strength: str,
        base_url: str,
    ) -> str:
        now = int(self._clock.now())
        names = {each["id"]: each["value"] for each in principal_shape(self._directory, resource).get("appRoles") or ()}
        roles = sorted(
            names[row.app_role_id]
            for row in self._directory.grants_of(principal.object_id, "entra")
            if row.resource_id == resource.object_id and names.get(row.app_role_id)
        )
        shared: dict[str, Any] = {
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_LIFETIME_S + 1,
            "aio": secrets.token_urlsafe(24),
            "idtyp": "app",
            "oid": principal.object_id,
            "rh": f"1.{secrets.token_urlsafe(24)}.",
            "sub": principal.object_id,
            "tid": tenant.tenant_id,
            "uti": secrets.token_urlsafe(16),
            # Not Microsoft's: tells tokens of two emulators, which may have equal tenants, apart.
            "xms_emulator": self._directory_id,
        }
        if roles:
            shared["roles"] = roles
        if self._without_oid and application.tenant_id != tenant.tenant_id:
            self._without_oid -= 1
            shared = {name: value for name, value in shared.items() if name not in ("oid", "roles")}
        if _token_version(self._directory, resource) == 2:
            claims = {
                **shared,
                "aud": resource.client_id,
                "iss": f"{base_url}/{tenant.tenant_id}/v2.0",
                "azp": application.client_id,
                "azpacr": strength,
                "ver": "2.0",
            }
            return self._key.sign(claims, 2)
        issuer = f"https://sts.windows.net/{tenant.tenant_id}/"
        claims = {
            **shared,
            "aud": audience,
            "iss": issuer,
            "app_displayname": application.properties["displayName"],
            "appid": application.client_id,
            "appidacr": strength,
            "idp": issuer,
            "tenant_region_scope": "EU",
            "ver": "1.0",
            "wids": ["0997a1d0-0d1d-4acb-b408-d5ca73121e90"],
            "xms_tcdt": int(tenant.created_at),
        }
        return self._key.sign(claims, 1)


def _token_version(directory: Directory, resource: ServicePrincipal) -> int:
    """1 for Graph and for applications that do not ask for 2 (`requestedAccessTokenVersion`)."""
    application = directory.application_by_client(resource.client_id)
    if application is None:
        return 1
    return int(application.properties["api"]["requestedAccessTokenVersion"] or 1)
