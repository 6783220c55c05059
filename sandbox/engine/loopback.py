"""Keeps what the engine starts on this machine.

An endpoint that is set and isn't loopback is refused before anything starts. Where none is set, the
processes get AWS_ENDPOINT_URL=http://127.0.0.1:9, the discard port, where nobody listens: a
program that makes no call to AWS runs, and one that does fails at once instead of reaching a real
account. boto3 takes the variables before any configuration file, so a profile can't lead elsewhere.
Proxies and the instance metadata service, which would, are switched off.
"""

import ipaddress
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from sandbox.engine.errors import Refused
from sandbox.engine.values import reveal

NOWHERE: Final = "http://127.0.0.1:9"


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine, and nothing but it."""
    host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def guarded(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program or a plugin.

    Raises:
        Refused: a variable names an endpoint that isn't loopback.
    """
    for name, url in environ.items():
        if name == "AWS_ENDPOINT_URL" or name.startswith("AWS_ENDPOINT_URL_"):
            _check(name, url)
    return {
        **environ,
        "AWS_ENDPOINT_URL": environ.get("AWS_ENDPOINT_URL") or NOWHERE,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
        "no_proxy": "*",
    }


def check_configuration(inputs: Mapping[str, Any]) -> None:
    """Looks at a provider's `endpoints`: a list of {service: url}, or the same as JSON text.

    Raises:
        Refused: one isn't loopback.
    """
    endpoints = reveal(inputs.get("endpoints"))
    if isinstance(endpoints, str):
        endpoints = json.loads(endpoints or "[]")
    for entry in endpoints if isinstance(endpoints, list) else [endpoints]:
        for service, url in entry.items() if isinstance(entry, dict) else ():
            if isinstance(url, str):
                _check(f"endpoints of {service}", url)


def _check(name: str, url: str) -> None:
    if url and not is_loopback(url):
        raise Refused(f"the endpoint {url} ({name}), which is not loopback")
