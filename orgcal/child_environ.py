"""Which variables of the environment the programs that we start get: an allow-list, so that no login of others travels.

A name that ends with `*` stands for every name that begins so, but for those in `ONLY_BY_NAME`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

PASS_VARIABLE = "ORGCAL_PASS_VARIABLES"  # noqa: S105  # a name
"""Further names that the user lets through, separated by spaces or commas."""

ONLY_BY_NAME = frozenset({"PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE"})

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "grpc_proxy", "no_grpc_proxy")
# fmt: off
BASE = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TMP", "TEMP", "XDG_*", "VIRTUAL_ENV", "CI", "GITHUB_ACTIONS",
    "LANG", "LANGUAGE", "LC_*", "LOCALE_ARCHIVE", "TZ", "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "CLICOLOR",
    "PYTHON*", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "WSL_INTEROP", "WSL_DISTRO_NAME",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NIX_SSL_CERT_FILE",
    # Programs on PATH may be launchers of a version manager.
    "ASDF_DIR", "ASDF_DATA_DIR", "MISE_DATA_DIR", "MISE_CONFIG_DIR", "PYENV_ROOT", "PYENV_VERSION",
    *_PROXIES, *map(str.upper, _PROXIES),
)
"""What every program needs: where things are, language, certificates, proxies; no login but a proxy's."""

LOGIN = (
    "ARM_*", "ACTIONS_ID_TOKEN_REQUEST_*", "SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN", "RUNNER_TEMP",
    "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST", "AZURE_CONFIG_DIR",
    "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET",
)
"""The operator's login in each of its forms, and a job's; see `orgcal.entra.login`."""

ENGINE = (
    *LOGIN, "PULUMI_*", "ORGCAL_PROJECT", "ORGCAL_DATA_DIR", "ORGCAL_EMULATOR_FILE", "ORGCAL_DEPLOYER_ID",
    "ORGCAL_MASK_SOCKET", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK", "GRPC_*", "TF_LOG",
)
"""What the engine, the program and the plugins need for every stack. What a stack's backend, key service and platform
need besides depends on the stack: `orgcal.stack.engine_variables`."""

GIT = (
    "GIT_*", "SSH_*", "GCM_*", "GH_*", "GITHUB_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "NETRC", "EMAIL", "GNUPGHOME",
    "GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "KRB5*",
)
"""What git, its credential helpers and gh need to push; questions that stay on this machine need none of it."""

GO = (
    "GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GOAUTH", "GOVCS", "GOENV", "GODEBUG", "GOMAXPROCS", "NETRC",
    "GIT_*", "SSH_*",
)
"""What Go's commands need to download modules, from a mirror or repositories of the user's too; what changes how they
are checked or compiled is not in it. Source: https://pkg.go.dev/cmd/go#hdr-Environment_variables"""

PIP = ("PIP_*", "NETRC")
"""What pip needs to download a package, from an index of the user's too.
Source: https://pip.pypa.io/en/stable/topics/configuration/#environment-variables"""
# fmt: on


def passed_on(environ: Mapping[str, str], allowed: Iterable[str] = ()) -> dict[str, str]:
    """The variables of `environ` that a program gets: those of `BASE`, `allowed`, and what the user lets through."""
    named = environ.get(PASS_VARIABLE, "").replace(",", " ").split()
    patterns = [*BASE, *allowed, *named]
    exact = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
    prefixes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))
    return {name: value for name, value in environ.items() if _is_allowed(name, exact, prefixes)}


def _is_allowed(name: str, exact: Collection[str], prefixes: tuple[str, ...]) -> bool:
    return name in exact or (name.startswith(prefixes) and name not in ONLY_BY_NAME)
