"""S3, SNS, SQS, STS and SSM by moto, behind the same endpoint.

Their state is kept. Moto has no persistent storage, and replaying its recorded requests would
create other ids and lose messages. So its backends are pickled: at once after every call that
changes a resource, and soon after messages were sent or received.
"""

import io
import pickle
import sys
import time
from threading import Condition, Event, Lock, RLock
from types import FunctionType
from typing import Any
from urllib.parse import parse_qs

import dill  # type: ignore[import-untyped]
from moto.backends import get_backend
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import unix_time
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs.models import SQSBackend
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from .sqlite_store import Store

SERVICES = ("s3", "sns", "sqs", "sts", "ssm")
KEPT = ("s3", "sns", "sqs", "ssm")
READING = ("Get", "Head", "List", "Describe")
MESSAGING = ("Publish", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
ATTEMPTS = 20
LOCK_TYPE = type(RLock())


class _Pickler(pickle.Pickler):
    """Pickles the parts of moto's backends that are not data: locks, lambdas and ParameterDicts."""

    def reducer_override(self, value: Any) -> Any:
        """How to restore such a value. Everything else is pickled as usual."""
        if isinstance(value, LOCK_TYPE):
            return RLock, ()
        if isinstance(value, Condition):
            return Condition, ()
        if isinstance(value, FunctionType) and value.__name__ == "<lambda>":
            return dill.loads, (dill.dumps(value),)
        if type(value).__qualname__ == "ParameterDict":
            owner = (value.account_id, value.region_name)
            return type(value), owner, None, None, iter(value.items())
        return NotImplemented


class MotoServices:
    """Moto's services, restored from `store` and saved to it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._application = DomainDispatcherApplication(create_backend_app)
        self._unsaved = Event()
        self._saving = Lock()
        self._next_save = 0.0
        for service, body in store.load("moto"):
            _restore(service, body)

    def handle(self, request: Request, service: str) -> tuple[str, Response]:
        """The operation of a request to a service, and the answer."""
        operation = _operation(request, service)
        response = Response.from_app(self._application, request.environ, buffered=True)
        if not operation.startswith(READING):
            self.changed()
            if not operation.startswith(MESSAGING):
                self.save()
        return operation, response

    def changed(self) -> None:
        """Mark the state as changed, so that it is saved the next time."""
        self._unsaved.set()

    def tick(self) -> None:
        """Write the state if it has changed, but spend at most about a tenth of the time on it."""
        started = time.monotonic()
        if started >= self._next_save:
            self.save()
            self._next_save = started + 11 * (time.monotonic() - started)

    def save(self) -> None:
        """Write the state if it has changed."""
        if self._store.keeps and self._unsaved.is_set():
            with self._saving:
                self._unsaved.clear()
                bodies = {service: _pickled(service) for service in KEPT if _is_used(service)}
                self._store.save("moto", bodies)

    def reset(self) -> None:
        """Remove all state."""
        BackendDict.reset()
        self.changed()
        self.save()


def _is_retained(self: SQSBackend, queue_name: str, message: Any) -> bool:
    """Whether a message is younger than its queue's retention period."""
    queue: Any = self.get_queue(queue_name)
    return bool(queue.message_retention_period + message.sent_timestamp / 1000 > unix_time())


# For each received message, moto reads all attributes of the queue, which counts all of its
# messages six times: with 500 messages, receiving ten takes half a second.
SQSBackend.is_message_valid_based_on_retention_period = _is_retained  # type: ignore[method-assign]


def _operation(request: Request, service: str) -> str:
    if service == "s3":
        try:
            return str(get_service_router("s3").match(request)[0].name)
        except NotFound:
            return "?"
    target = request.headers.get("X-Amz-Target")
    if target is not None:
        return target.rpartition(".")[2]
    form = parse_qs(request.get_data(as_text=True))
    request.environ["wsgi.input"].seek(0)
    return form.get("Action", request.args.getlist("Action") or ["?"])[0]


def _backends(service: Any) -> BackendDict[BaseBackend]:
    return get_backend(service)


def _is_used(service: str) -> bool:
    """Whether there can be state to keep. Importing an unused service such as SSM takes long."""
    return f"moto.{service}.models" in sys.modules


def _pickled(service: str) -> bytes:
    """A service's backends. It is tried again if a message changes them in the meantime."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            body = io.BytesIO()
            _Pickler(body).dump(list(_backends(service).iter_backends()))
            break
        except RuntimeError:
            if attempt == ATTEMPTS:
                raise
    return body.getvalue()


def _restore(service: str, body: bytes) -> None:
    backends: Any = _backends(service)
    for account, region, backend in pickle.loads(body):
        backends[account][region] = backend
        if service == "s3":
            # moto finds a bucket's account here; S3's only "regions" are the partitions.
            backends.bucket_accounts |= dict.fromkeys(backend.buckets, (region, account))
