"""The requests of the kind `http`, as a stack's settings describe them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from orgcal.entra.credentials import FIELDS
from orgcal.fields import Section, setting
from orgcal.platforms import templates
from orgcal.platforms.model import CATALOG, CatalogField

_EntryField = Literal["callback_url", CatalogField]
_CredentialField = Literal[
    "client_id", "generation", "scopes", "updated_at", "client_secret", "certificate_pem", "private_key_pem"
]
_ENTRY_NAMES = ("key", *CATALOG)
_CREDENTIAL_NAMES = ("key", "client_id", "generation", "scopes", *FIELDS)
_Name = Annotated[str, Field(pattern=templates.NAME)]


class RequestTemplate(Section):
    """A request, and those that follow it."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = setting(
        expected="GET, POST, PUT, PATCH or DELETE", example="GET", about="The method."
    )
    path: str = setting(
        expected="a path such as /connectors/{key}",
        example="/connectors/{key}",
        about="The path below `base_url`, with placeholders.",
        pattern="^/",
    )
    body: Any = setting(
        None, expected="anything that JSON can express", example="VALUE", about="The JSON body, with placeholders."
    )
    form: Mapping[str, str] | None = setting(
        None,
        expected="field -> text",
        example='{value: "{client_secret}"}',
        about="The fields of a form that is sent instead of JSON, with placeholders.",
    )
    query: Mapping[str, str] = setting(
        {},
        expected="parameter -> text",
        example="{scope: production}",
        about="Parameters of the query, with placeholders; servers log them, so none may hold a secret.",
    )
    absent: frozenset[int] = setting(
        frozenset({404}),
        expected="HTTP statuses",
        example="[404]",
        about='Statuses of answers that mean "there is none".',
    )
    keep: Mapping[_Name, str] = setting(
        {},
        expected="name -> its place in the answer, a JSON pointer",
        example="{id: /0/id}",
        about='Values of the answer that requests in `then` use as placeholders; "there is none" where one is missing.',
    )
    if_absent: RequestTemplate | None = setting(
        None,
        expected="a request",
        example='{method: POST, path: "/variables", form: {key: SECRET, value: "{client_secret}"}}',
        about='The request that is sent instead where the answer means "there is none", to make it.',
    )
    then: RequestTemplate | None = setting(
        None,
        expected="a request",
        example='{method: PUT, path: "/connectors/{id}", body: {name: "{display_name}"}}',
        about="The request that is sent next; the answers are then a list, and `/0/name` is in the first of them.",
    )

    @model_validator(mode="after")
    def _one_body(self) -> RequestTemplate:
        if self.body is not None and self.form is not None:
            raise ValueError("form")
        return self

    def chain(self) -> Iterator[RequestTemplate]:
        """Yield this request and all that may follow it."""
        yield self
        for following in (self.if_absent, self.then):
            if following is not None:
                yield from following.chain()

    def names(self) -> set[str]:
        """Return the placeholders in the bodies of the chain."""
        return {name for each in self.chain() for name in templates.names_in([each.body, each.form])}


def _checked(request: RequestTemplate, *, known: Sequence[str]) -> RequestTemplate:
    """Refuse placeholders that are not known, or that would put a secret into an address, by a ValueError."""
    in_path = [name for name in templates.names_in(request.path) if name not in known or name in FIELDS]
    in_query = [name for name in templates.names_in(request.query) if name not in known or name in FIELDS]
    in_body = [name for name in templates.names_in([request.body, request.form]) if name not in known]
    problems = [f"{{{name}}} cannot stand in a path" for name in in_path]
    problems += [f"{{{name}}} cannot stand in a query" for name in in_query]
    problems += [f"unknown {{{name}}} in the body; known are {', '.join(known)}" for name in in_body]
    if problems:
        raise ValueError("; ".join(problems))
    if request.if_absent is not None:
        _checked(request.if_absent, known=known)
    if request.then is not None:
        _checked(request.then, known=(*known, *request.keep))
    return request


_EntryRequest = Annotated[RequestTemplate, AfterValidator(partial(_checked, known=_ENTRY_NAMES))]
_CredentialRequest = Annotated[RequestTemplate, AfterValidator(partial(_checked, known=_CREDENTIAL_NAMES))]


def _request(about: str, default: Any = None) -> Any:
    return setting(default, expected="a request", example='{method: GET, path: "/connectors/{key}"}', about=about)


def _paths(names: Sequence[str]) -> Any:
    return setting(
        {},
        expected="field -> its place in the answer of `read`, a JSON pointer or keys separated by dots; fields are "
        f"{', '.join(names)}",
        example="{client_id: /data/client_id}",
        about="Where the answer of `read` has each field.",
    )


class EntryTemplate(Section):
    """How the connector's entry is read and written."""

    read: _EntryRequest | None = _request("Reads the entry.")
    create: _EntryRequest | None = _request("Makes the entry.")
    update: _EntryRequest | None = _request("Changes the entry.")
    delete: _EntryRequest | None = _request("Removes the entry.")
    fields: Mapping[_EntryField, str] = _paths(get_args(_EntryField))

    @model_validator(mode="after")
    def _complete(self) -> EntryTemplate:
        if any((self.read, self.create, self.update, self.delete)) and not all((self.read, self.create, self.delete)):
            raise ValueError("needs read, create and delete, or nothing at all")
        return self


class CredentialTemplate(Section):
    """How the credential is read and written."""

    read: _CredentialRequest | None = _request("Reads whether there is a credential, and what is shown of it.")
    create: _CredentialRequest | None = _request("Stores the first credential, where that is another request.")
    push: _CredentialRequest = _request("Stores a credential in place of any other.", ...)
    remove: _CredentialRequest | None = _request("Removes the credential.")
    fields: Mapping[_CredentialField, str] = _paths(get_args(_CredentialField))
