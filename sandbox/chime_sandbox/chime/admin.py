"""The admin route `/_sandbox/`, by which tests and people control and inspect the emulator.

Requests and responses are JSON. An invalid body gets 400, an unknown meeting 404. Responses never
contain join tokens.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from threading import Timer
from typing import Any

from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from . import exceptions
from .events import MEDIA_EVENTS, EventType
from .faults import AttendeeFault, Fault
from .models import Meeting
from .quotas import ANY, Quota
from .service import ChimeService

PREFIX = "/_sandbox/"
LONGEST_WAIT = 60.0

#: How long the answer to `stop` has before the process ends, in seconds.
ANSWER_SECONDS = 0.2

Body = dict[str, Any]
View = Callable[..., Any]


class Admin:
    """Answers the admin route for one service.

    `reset_others` clears the other services; `settle` waits until all events are delivered; `stop`
    ends the process.
    """

    def __init__(
        self,
        service: ChimeService,
        reset_others: Callable[[], None],
        settle: Callable[[], None],
        stop: Callable[[], None],
    ) -> None:
        self._service = service
        self._reset_others = reset_others
        self._settle = settle
        self._stop = stop
        self._routes = Map(
            [
                _rule("GET", "requests", self._requests),
                _rule("DELETE", "requests", self._clear_requests),
                _rule("GET", "clock", self._clock),
                _rule("POST", "clock", self._advance),
                _rule("GET", "faults", self._faults),
                _rule("POST", "faults", self._add_fault),
                _rule("POST", "faults/attendees", self._add_attendee_fault),
                _rule("DELETE", "faults", self._clear_faults),
                _rule("GET", "holds", self._wait_held),
                _rule("DELETE", "holds", self._release),
                _rule("POST", "quotas", self._set_quota),
                _rule("POST", "settings", self._change_settings),
                _rule("GET", "meetings", self._meetings),
                _rule("GET", "pipelines", self._pipelines),
                _rule("POST", "meetings/<meeting>/end", self._end),
                _rule("POST", "meetings/<meeting>/attendees/<attendee>/join", self._join),
                _rule("POST", "meetings/<meeting>/attendees/<attendee>/leave", self._leave),
                _rule("POST", "meetings/<meeting>/attendees/<attendee>/drop", self._drop),
                _rule("POST", "meetings/<meeting>/attendees/<attendee>/publish", self._publish),
                _rule("POST", "reset", self._reset),
                _rule("POST", "stop", self._stop_serving),
            ]
        )

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        try:
            view, arguments = self._routes.bind_to_environ(request.environ).match()
            sent = request.get_data()
            body = json.loads(sent) if sent else request.args.to_dict()
            if not isinstance(body, dict):
                return _failure(BadRequest("the body is not a JSON object"))
            return _json(view(body, **arguments))
        except (TypeError, ValueError, KeyError, OverflowError, RecursionError) as error:
            return _failure(BadRequest(str(error)))
        except exceptions.NotFound as error:
            return _failure(NotFound(error.message))
        except sqlite3.Error as error:
            return _failure(InternalServerError(f"the state can't be written: {error}"))
        except HTTPException as error:
            return _failure(error)

    # What happened

    def _requests(self, body: Body) -> Any:
        self._settle()
        return self._service.requests.entries(int(body.get("after", 0)))

    def _clear_requests(self, body: Body) -> Any:
        self._settle()
        self._service.requests.clear()

    # Time

    def _clock(self, body: Body) -> Any:
        return {"now": self._service.clock.now(), "offset": self._service.clock.offset}

    def _advance(self, body: Body) -> Any:
        self._service.clock.advance(float(body["seconds"]))
        self._service.save_settings()
        self._service.tick()
        return self._clock(body)

    # Faults

    def _faults(self, body: Body) -> Any:
        return self._service.faults.as_dict()

    def _add_fault(self, body: Body) -> Any:
        self._service.faults.add(Fault(**body))

    def _add_attendee_fault(self, body: Body) -> Any:
        self._service.faults.add_for_attendees(AttendeeFault(**body))

    def _clear_faults(self, body: Body) -> Any:
        self._service.faults.clear()
        self._service.holds.release()

    def _wait_held(self, body: Body) -> Any:
        timeout = min(float(body.get("timeout", 0)), LONGEST_WAIT)
        held = self._service.holds.wait(timeout, int(body.get("number", 1)))
        return [asdict(each) for each in held]

    def _release(self, body: Body) -> Any:
        number = body.get("number")
        drop = bool(int(body.get("drop", 0)))
        released = self._service.holds.release(None if number is None else int(number), drop=drop)
        return {"released": released}

    # Settings

    def _set_quota(self, body: Body) -> Any:
        operation, rate, burst = body.get("operation", ANY), body.get("rate"), body.get("burst")
        quota = (
            None if rate is None else Quota(float(rate), float(rate if burst is None else burst))
        )
        self._service.quotas.set(operation, quota)
        self._service.save_settings()

    def _change_settings(self, body: Body) -> Any:
        self._service.settings.update(**body)
        self._service.save_settings()
        return self._service.settings.as_dict()

    # Meetings

    def _meetings(self, body: Body) -> Any:
        with self._changing():
            return [_shown(meeting) for meeting in self._service.meetings]

    def _pipelines(self, body: Body) -> Any:
        with self._changing():
            return [vars(pipeline) for pipeline in self._service.pipelines]

    def _end(self, body: Body, meeting: str) -> Any:
        with self._changing():
            self._service.meetings.end(self._living(meeting), "ended by the admin route")

    def _join(self, body: Body, meeting: str, attendee: str) -> Any:
        with self._changing():
            self._service.meetings.join(self._living(meeting), attendee)

    def _leave(self, body: Body, meeting: str, attendee: str) -> Any:
        with self._changing():
            self._service.meetings.leave(self._living(meeting), attendee)

    def _drop(self, body: Body, meeting: str, attendee: str) -> Any:
        with self._changing():
            self._service.meetings.leave(self._living(meeting), attendee, dropped=True)

    def _publish(self, body: Body, meeting: str, attendee: str) -> Any:
        kind = EventType(body["event"])
        if kind not in MEDIA_EVENTS:
            raise ValueError(f"{kind} is published when it happens")
        with self._changing():
            self._service.meetings.publish(kind, self._living(meeting), attendee)

    def _reset(self, body: Body) -> Any:
        self._settle()
        with self._changing():
            self._service.meetings.clear()
            self._service.pipelines.clear()
        self._clear_faults(body)
        self._service.quotas.clear()
        self._service.settings.reset()
        self._service.save_settings()
        self._service.requests.clear()
        self._reset_others()

    def _stop_serving(self, body: Body) -> Any:
        # Later, so that the answer is sent first.
        Timer(ANSWER_SECONDS, self._stop).start()

    # Helpers

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._service.lock:
            self._service.catch_up()
            yield
            self._service.save()

    def _living(self, meeting_id: str) -> Meeting:
        meeting = self._service.meetings.any(meeting_id)
        if meeting is None or meeting.ended_at is not None:
            raise exceptions.NotFound(f"no active meeting {meeting_id}")
        return meeting


def _rule(method: str, path: str, view: View) -> Rule:
    return Rule(PREFIX + path, methods=[method], endpoint=view)


def _json(value: Any) -> Response:
    return Response(json.dumps(value), mimetype="application/json")


def _failure(error: HTTPException) -> Response:
    response = _json({"message": error.description})
    response.status_code = error.code or 500
    return response


def _shown(meeting: Meeting) -> Body:
    shown = {
        name: value for name, value in vars(meeting).items() if name not in ("attendees", "request")
    }
    attendees = [
        {name: value for name, value in vars(attendee).items() if name != "join_token"}
        for attendee in meeting.attendees.values()
    ]
    return shown | {"request": meeting.request, "attendees": attendees}
