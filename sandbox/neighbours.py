"""SNS, SQS, STS and SSM: moto's, behind the same endpoint, with a state that outlives the process.

Moto keeps no file of its own, and replaying its recorded requests would give other ids and lose
what was delivered meanwhile. So its backends are pickled: at once after every call that sets
something up, and within a second after messages went through.
"""

import copyreg
from threading import Event, Lock
from typing import Any
from urllib.parse import parse_qs

import dill  # type: ignore[import-untyped]
from moto.backends import get_backend
from moto.core.base_backend import BackendDict, BaseBackend
from moto.server import DomainDispatcherApplication, create_backend_app
from moto.ssm.models import ParameterDict
from werkzeug.wrappers import Request, Response

from .store import Store

SERVICES = ("sns", "sqs", "sts", "ssm")
KEPT = ("sns", "sqs", "ssm")
READING = ("Get", "List", "Describe")
MESSAGING = ("Publish", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
ATTEMPTS = 20


def _parameter_dict_parts(parameters: ParameterDict) -> tuple[Any, ...]:
    owner = (parameters.account_id, parameters.region_name)
    return ParameterDict, owner, None, None, iter(parameters.items())


copyreg.pickle(ParameterDict, _parameter_dict_parts)


class Neighbours:
    """Moto's services, restored from ``store`` and saved to it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._application = DomainDispatcherApplication(create_backend_app)
        self._unsaved = Event()
        self._saving = Lock()
        for service, body in store.load("neighbour"):
            _restore(service, body)

    def handle(self, request: Request) -> tuple[str, Response]:
        """The operation that a request names, and its answer."""
        operation = _operation(request)
        response = Response.from_app(self._application, request.environ, buffered=True)
        if not operation.startswith(READING):
            self.changed()
        if not operation.startswith(MESSAGING):
            self.save()
        return operation, response

    def changed(self) -> None:
        """Have the state saved the next time."""
        self._unsaved.set()

    def save(self) -> None:
        """Write the state if it has changed."""
        if self._unsaved.is_set():
            with self._saving:
                self._unsaved.clear()
                self._store.save("neighbour", {service: _pickled(service) for service in KEPT})

    def reset(self) -> None:
        """Forget everything."""
        BackendDict.reset()
        self.changed()
        self.save()


def _operation(request: Request) -> str:
    target = request.headers.get("X-Amz-Target")
    if target is not None:
        return target.rpartition(".")[2]
    form = parse_qs(request.get_data(as_text=True))
    request.environ["wsgi.input"].seek(0)
    return form.get("Action", request.args.getlist("Action") or ["?"])[0]


def _backends(service: Any) -> BackendDict[BaseBackend]:
    return get_backend(service)


def _pickled(service: str) -> bytes:
    """A service's backends; tried again where a message came in between."""
    for _ in range(ATTEMPTS - 1):
        try:
            return dill.dumps(list(_backends(service).iter_backends()))
        except RuntimeError:
            continue
    return dill.dumps(list(_backends(service).iter_backends()))


def _restore(service: str, body: bytes) -> None:
    for account, region, backend in dill.loads(body):
        _backends(service)[account][region] = backend
