"""What to do about refusals that Entra and the engine word without a repair."""

from __future__ import annotations

_DESTROY = (
    "if customers shall lose it: pulumi config set --stack {stack} orgcal:protect false, then orgcal up --stack "
    "{stack}, then this again"
)
_RIGHTS = "orgcal preflight --stack {stack} names the right that the operator lacks, and who has it"
_POLICY = (
    "orgcal preflight --stack {stack} tells what the tenant's policy allows; certificates and federated credentials "
    "are other kinds (pulumi config set --stack {stack} --path orgcal:credential.kind certificate)"
)
_AUDIENCE = (
    "the tenant forbids applications for other organisations: orgcal preflight --stack {stack} tells what to ask its "
    "administrator for"
)
_GONE = "pulumi refresh --stack {stack}; a deleted application can be restored: orgcal preflight --stack {stack}"

_LEFT_OVER = "orgcal up --stack {stack} once more; what no state holds: orgcal sweep --stack {stack}"
_AGAIN = "orgcal up --stack {stack} once more (no refresh, which would not see it yet)"
_LOGIN = "log in as docs/create.md says (az login, or ARM_ variables); orgcal doctor --stack {stack} tries the login"

PROTECTED = "is protected"

# The first that is in the text; in lower case.
_HINTS = (
    (PROTECTED, _DESTROY),
    ("protected resource", _DESTROY),
    ("authorization_requestdenied", _RIGHTS),
    ("insufficient privileges", _RIGHTS),
    ("credentialtypenotallowed", _POLICY),
    ("credentialinvalidlifetime", _POLICY),
    ("signinaudiencenotallowed", _AUDIENCE),
    ("asperapppolicy", _POLICY),
    ("to be replicated", _AGAIN),
    ("request_resourcenotfound", _GONE),
    ("no password credential found", _GONE),
    ("already exists, and the state does not hold it", _LEFT_OVER),
    ("could not follow what it made", _LEFT_OVER),
    ("aadsts", _LOGIN),
    ("failed to load azure credentials", _LOGIN),
    ("no authorizer could be configured", _LOGIN),
)


def hint(text: str, stack: str) -> str:
    """What to do about `text`; empty where nothing is known.

    Args:
        text: what the engine, a plugin or Graph said.
        stack: name of the stack, for the commands.
    """
    lowered = text.lower()
    return next((repair.format(stack=stack) for needle, repair in _HINTS if needle in lowered), "")
