"""PULUMI_DEBUG_GRPC: the calls of monitor and providers, each as two lines of JSON.

The format is that of sdk/go/common/util/rpcdebug/logformat.go.
"""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict


class CallLog:
    """Writes calls to a file; with no file it writes nothing."""

    def __init__(self, file: str | None) -> None:
        self._file = Path(file) if file else None
        self._lock = threading.Lock()

    def options(self) -> "list[grpc.ServerInterceptor[Any, Any]]":
        """What a server needs to have its calls written."""
        return [_ServerLog(self)] if self._file else []

    def channel(self, channel: grpc.Channel) -> grpc.Channel:
        """A channel whose calls are written."""
        return grpc.intercept_channel(channel, _ClientLog(self)) if self._file else channel

    def started(self, method: str, request: Any, mode: str) -> None:
        """Writes that a call starts."""
        self._write(method, request, mode, {"progress": "request_started"})

    def completed(self, method: str, request: Any, mode: str, response: Any, error: str) -> None:
        """Writes how a call ended."""
        outcome: dict[str, Any] = {"progress": "response_completed"}
        if response is not None:
            outcome["response"] = MessageToDict(response)
        if error:
            outcome["errors"] = [error]
        self._write(method, request, mode, outcome)

    def _write(self, method: str, request: Any, mode: str, rest: dict[str, Any]) -> None:
        if self._file is None or method.startswith("/pulumirpc.Engine/"):
            return
        entry = {"method": method, "request": MessageToDict(request), "metadata": {"mode": mode}}
        line = json.dumps({**entry, **rest}) + "\n"
        with self._lock, self._file.open("a") as stream:
            stream.write(line)


class _ServerLog(grpc.ServerInterceptor):  # type: ignore[type-arg]
    def __init__(self, log: CallLog) -> None:
        self._log = log

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler

        def logged(request: Any, context: Any) -> Any:
            self._log.started(details.method, request, "server")
            response = handler.unary_unary(request, context)
            self._log.completed(details.method, request, "server", response, "")
            return response

        return grpc.unary_unary_rpc_method_handler(
            logged, handler.request_deserializer, handler.response_serializer
        )


class _ClientLog(grpc.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]
    def __init__(self, log: CallLog) -> None:
        self._log = log

    def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], Any], details: Any, request: Any
    ) -> Any:
        self._log.started(details.method, request, "client")
        call = continuation(details, request)
        error = call.exception()
        response = None if error else call.result()
        text = f"rpc error: code = {_title(error.code())} desc = {error.details()}" if error else ""
        self._log.completed(details.method, request, "client", response, text)
        return call


def _title(code: grpc.StatusCode) -> str:
    return "".join(word.title() for word in code.name.split("_"))
