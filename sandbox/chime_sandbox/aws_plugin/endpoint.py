"""boto3 clients for endpoints on this machine."""

import ipaddress
import json
import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chime_sandbox.aws_plugin import REAL_PLUGIN, Refused

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config

SERVICES: Final = ("s3", "sns", "sqs", "sts", "ssm")
#: The supported settings of the provider. `skip...` flags are accepted, and have no effect.
_SETTINGS: Final = frozenset(
    {"region", "profile", "accessKey", "secretKey", "token", "endpoints", "version"}
)


def unsupported(config: Mapping[str, Any]) -> dict[str, str]:
    """The settings that the stand-in doesn't support, each with an error message."""
    return {
        name: f"the sandbox's stand-in has no setting aws:{name}; use {REAL_PLUGIN}"
        for name in config
        if name not in _SETTINGS and not name.startswith(("skip", "__"))
    }


def region_of(config: Mapping[str, Any]) -> str | None:
    """The region from the configuration, else from AWS's environment variables."""
    given = config.get("region")
    return given or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


class Clients:
    """boto3 clients for loopback endpoints, one for each service and region.

    :param config: the provider's configuration: `endpoints`, a list of maps from service to URL (or
        JSON text of one), `region`, `profile`, `accessKey`, `secretKey`, `token`. Endpoints that it
        doesn't name come from AWS_ENDPOINT_URL_<SERVICE> or AWS_ENDPOINT_URL.
    :raises Refused: no endpoint at all is given, or one isn't on the loopback.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.region = region_of(config)
        self._config = config
        self._urls = {name: url for name in SERVICES if (url := _url(name, config))}
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._session: Session | None = None
        if not self._urls:
            raise Refused(
                "The sandbox's stand-in for pulumi-aws needs an endpoint on this machine, in "
                f"AWS_ENDPOINT_URL or aws:endpoints; to reach AWS itself use {REAL_PLUGIN}."
            )
        for url in self._urls.values():
            _require_loopback(url)

    def client(self, service: str, region: str | None = None) -> Any:
        """The client of a service (such as "sqs") in a region, by default the configured one.

        :raises Refused: the service has no endpoint, or there is no region.
        """
        region = region or self.region
        if service not in self._urls:
            raise Refused(
                f"The sandbox's stand-in for pulumi-aws has no endpoint for {service}; "
                f"name it in aws:endpoints or use {REAL_PLUGIN}."
            )
        if not region:
            raise Refused("There is no region: set aws:region or AWS_REGION.")
        with self._lock:
            if (service, region) not in self._clients:
                make: Callable[..., Any] = self._authenticated().client
                self._clients[service, region] = make(
                    service,
                    region_name=region,
                    endpoint_url=self._urls[service],
                    config=_path_style() if service == "s3" else None,
                )
            return self._clients[service, region]

    def _authenticated(self) -> "Session":
        """The boto3 session, which uses no metadata service and no proxy, only the loopback."""
        if self._session is None:
            from boto3.session import Session

            os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "*", "no_proxy": "*"}
            found = Session(profile_name=self._config.get("profile"))
            key, secret = self._config.get("accessKey"), self._config.get("secretKey")
            if not key and found.get_credentials() is None:
                key, secret = "sandbox", "sandbox"
            if key:
                found = Session(key, secret, self._config.get("token"))
            self._session = found
        return self._session


def _url(service: str, config: Mapping[str, Any]) -> str | None:
    given = config.get("endpoints") or []
    entries = json.loads(given) if isinstance(given, str) else given
    for entry in [entries] if isinstance(entries, Mapping) else entries:
        if entry.get(service):
            return str(entry[service])
    environment = os.environ
    return environment.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environment.get(
        "AWS_ENDPOINT_URL"
    )


def _path_style() -> "Config":
    """The configuration for S3: buckets have no host names on a loopback address."""
    from botocore.config import Config

    return Config(s3={"addressing_style": "path"})


def _require_loopback(url: str) -> None:
    host = urlsplit(url).hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise Refused(
            f"The sandbox's stand-in for pulumi-aws calls only this machine, not {url}; "
            f"to reach it use {REAL_PLUGIN}."
        )
