"""What a program needs to use an emulator, as variables of the environment. They name files and hold no secret."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orgcal_emulator.files import READY_FILE, write_private

READY_VARIABLE = "ORGCAL_EMULATOR_FILE"
"""Names the `ready.json` of a running emulator."""
URL_VARIABLE = "ORGCAL_EMULATOR_URL"
"""Its address: of Entra ID and, with `/v1.0` behind it, of Microsoft Graph."""
_AUTHORITY = "https://login.microsoftonline.com"
_TRUST_FILE = "trust.pem"
_OWN_FILE = "own-cas.pem"


def program_environment(ready: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Variables by which a program finds the emulator, trusts it, and logs in as the seed's operator.

    AZURE_* are read by Azure Identity of each language (EnvironmentCredential, DefaultAzureCredential), ARM_* by the
    azuread provider, the others by curl, Python, Go and Node.

    With `--names`, HTTPS_PROXY leads clients with fixed addresses to the emulator, and nowhere else.

    Args:
        ready: the ready record.
        environ: where SSL_CERT_FILE may name other public roots than the system's.
    """
    operator = ready["operator"]
    ca_file = Path(ready["ca_file"])
    names = ready.get("names")
    own = _write_own(ca_file, Path(names["ca_file"])) if names else ca_file
    trust = str(_write_trust(own, environ))
    proxies = {"HTTPS_PROXY": names["proxy_url"], "NO_PROXY": "localhost,127.0.0.1"} if names else {}
    # Under Microsoft's name the emulator is an authority that clients know, so a program needs no change at all.
    authority = _AUTHORITY if names else str(ready["base_url"])
    login = {"TENANT_ID": operator["tenant_id"], "CLIENT_ID": operator["client_id"]}
    return {
        READY_VARIABLE: str(ready_file_of(ready)),
        URL_VARIABLE: str(ready["base_url"]),
        "AZURE_AUTHORITY_HOST": authority,
        **{f"AZURE_{name}": str(value) for name, value in login.items()},
        "AZURE_CLIENT_CERTIFICATE_PATH": str(operator["client_certificate_pem_file"]),
        "ARM_METADATA_HOSTNAME": f"localhost:{ready['port']}",
        **{f"ARM_{name}": str(value) for name, value in login.items()},
        "ARM_CLIENT_CERTIFICATE_PATH": str(operator["client_certificate_file"]),
        "SSL_CERT_FILE": trust,
        "REQUESTS_CA_BUNDLE": trust,
        "CURL_CA_BUNDLE": trust,
        "NODE_EXTRA_CA_CERTS": str(own),
        **proxies,
        **{name.lower(): value for name, value in proxies.items()},
        **({"NODE_USE_ENV_PROXY": "1"} if names else {}),
    }


def ready_file_of(ready: Mapping[str, Any]) -> Path:
    """The file that holds this ready record."""
    return Path(ready["ca_file"]).with_name(READY_FILE)


def _write_own(*authorities: Path) -> Path:
    """One file with the authorities of an emulator that answers for Microsoft's names too."""
    text = "".join(path.read_text(encoding="ascii") for path in authorities)
    return write_private(authorities[0].with_name(_OWN_FILE), text)


def _write_trust(own_file: Path, environ: Mapping[str, str]) -> Path:
    """Public roots and the emulator's: SSL_CERT_FILE and the like replace what a program trusts besides.

    Without roots on this machine the file has the emulator's alone, so it trusts less, never more.
    """
    paths = ssl.get_default_verify_paths()
    known = (environ.get("SSL_CERT_FILE"), paths.cafile, paths.openssl_cafile)
    files = [Path(path) for path in known if path and Path(path).is_file()]
    own = own_file.read_text(encoding="ascii")
    roots = files[0].read_text(encoding="utf-8-sig", errors="replace").rstrip() + "\n" if files else ""
    return write_private(own_file.with_name(_TRUST_FILE), roots + own)
