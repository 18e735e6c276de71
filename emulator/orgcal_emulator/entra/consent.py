"""The pages of admin consent. They work without JavaScript, and a program can post the form as a browser would."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from orgcal_emulator.calendars.models import Users
from orgcal_emulator.clock import Clock
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.entra.audiences import OwnAddresses
from orgcal_emulator.entra.consent_models import ConsentRequest, ConsentService
from orgcal_emulator.entra.errors import EntraFailure, missing_parameter
from orgcal_emulator.entra.models import NotEmulatedError
from orgcal_emulator.entra.redirects import answer_address
from orgcal_emulator.entra.routes import base_url
from orgcal_emulator.pages import PAGE_HEADERS, render

_FIELDS = ("client_id", "scope", "redirect_uri", "state")
_MOST_FIELDS = 30


class ConsentRoutes:
    """`/{tenant}/v2.0/adminconsent` and the older `/{tenant}/adminconsent`.

    The form has a choice `account` (user principal names) and two buttons named `decision`: `accept` and `cancel`;
    it is posted to the address of the page, with the page's own parameters.
    """

    def __init__(self, directory: Directory, users: Users, clock: Clock, addresses: OwnAddresses) -> None:
        self._consent = ConsentService(directory, users, addresses)
        self._clock = clock

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("/{tenant}/v2.0/adminconsent", self.v2, methods=["GET", "POST"]),
            Route("/{tenant}/adminconsent", self.v1, methods=["GET", "POST"]),
        ]

    async def v2(self, request: Request) -> Response:
        """Version 2."""
        return await self._answer(request, 2)

    async def v1(self, request: Request) -> Response:
        """Version 1."""
        return await self._answer(request, 1)

    async def _answer(self, request: Request, version: int) -> Response:
        try:
            posted = await _posted(request) if request.method == "POST" else {}
            values = {**dict(request.query_params), **{name: posted[name] for name in _FIELDS if name in posted}}
            consent = self._consent.request(str(request.path_params["tenant"]), values, version)
            self._consent.check_roles(consent)
        except EntraFailure as failure:
            return self._refusal(failure.code, failure.message, 400)
        except NotEmulatedError as missing:
            code = request.state.not_emulated = f"NotEmulated.{missing}"
            message = f"The emulator does not model the {missing}. It refuses what it does not know."
            return self._refusal(code, message, 501)
        try:
            self._consent.check_scopes(consent)
            return self._decide(consent, posted) if posted else self._ask(consent)
        except EntraFailure as failure:
            return self._send_back(consent, self._error(consent, failure))

    def _ask(self, consent: ConsentRequest, problem: str = "", status: int = 200) -> Response:
        properties = consent.application.properties
        page = render(
            "consent.html",
            name=properties["displayName"],
            publisher_domain=properties["publisherDomain"],
            home_page=properties["web"]["homePageUrl"],
            tenant=consent.tenant,
            asked=self._consent.asked(consent.application) if consent.grants else [],
            accounts=self._consent.accounts(consent),
            hidden=_hidden(consent),
            problem=problem,
        )
        return HTMLResponse(page, status, PAGE_HEADERS)

    def _decide(self, consent: ConsentRequest, posted: Mapping[str, str]) -> Response:
        decision = posted.get("decision")
        if decision == "cancel":
            raise EntraFailure("consent_required", 65004, "User declined to consent to access the app.")
        if decision != "accept":
            return self._ask(consent, "Choose whether to accept or to cancel.", 400)
        account = self._consent.account(consent, posted.get("account", ""))
        if account is None:
            return self._ask(consent, "Choose an account of the organisation.", 400)
        tenant, user = account
        if not user.administrator:
            page = render(
                "approval.html",
                name=consent.application.properties["displayName"],
                user=user,
                hidden=_hidden(consent),
            )
            return HTMLResponse(page, 403, PAGE_HEADERS)
        self._consent.accept(consent, tenant)
        answer = {"admin_consent": "True", "tenant": tenant.tenant_id}
        if consent.version == 2:
            answer["scope"] = consent.scope
        return self._send_back(consent, answer)

    def _error(self, consent: ConsentRequest, failure: EntraFailure) -> dict[str, str]:
        """What the redirect address is told; also of an error, `admin_consent=True` says which flow it was."""
        answer = {"admin_consent": "True", "error": failure.error, "error_description": self._described(failure)}
        if consent.version == 1 and failure.number == 65004:
            answer |= {"error": "access_denied", "error_subcode": "cancel"}
        return answer

    def _described(self, failure: EntraFailure) -> str:
        moment = datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return (
            f"{failure.code}: {failure.message} Trace ID: {uuid.uuid4()} Correlation ID: {uuid.uuid4()} "
            f"Timestamp: {moment}"
        )

    @staticmethod
    def _send_back(consent: ConsentRequest, answer: dict[str, str]) -> Response:
        if consent.state is not None:
            answer["state"] = consent.state
        return RedirectResponse(answer_address(consent.redirect_uri, answer), 302, {"Cache-Control": "no-store"})

    @staticmethod
    def _refusal(code: str, message: str, status: int) -> Response:
        return HTMLResponse(render("refused.html", code=code, message=message), status, PAGE_HEADERS)


def _hidden(consent: ConsentRequest) -> dict[str, str]:
    """Fields that carry the request through the form."""
    values = {
        "client_id": consent.application.client_id,
        "redirect_uri": consent.redirect_uri,
        "scope": consent.scope,
        "state": consent.state or "",
    }
    return {name: value for name, value in values.items() if value}


async def _posted(request: Request) -> dict[str, str]:
    """The fields of the posted form.

    Raises:
        EntraFailure: no form, or one that a page of somebody else posted.
    """
    origin = request.headers.get("origin", base_url(request))
    if origin != base_url(request) or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise EntraFailure("invalid_request", 90014, "The form was posted by another web page.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind != "application/x-www-form-urlencoded":
            raise ValueError(kind)
        text = (await request.body()).decode("utf-8")
        return {"": "", **dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))}
    except ValueError:
        raise missing_parameter("decision") from None
