"""The same scenarios through the plugin and the dynamic provider make the same calls."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc
from pydantic.alias_generators import to_camel
from support.meetings import EVERYTHING, LISTENING, NOTHING, REGION, people, provider

from chime_sandbox import server as emulator
from chime_sandbox.admin import AFTER, Sandbox
from meeting_provider import MeetingProviderError

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
URN = "urn:pulumi:dev::clinic::chime-meetings:index:Meeting::keynote"

Properties = dict[str, Any]


class Failed(Exception):
    """What an adapter reports to the engine: an error, or the failures of a check."""


class Adapter(Protocol):
    """Pulumi's calls, in the names of the dynamic provider."""

    def check(self, olds: Properties, news: Properties) -> Properties: ...
    def diff(self, olds: Properties, news: Properties) -> tuple[bool, list[str]]: ...
    def create(self, inputs: Properties) -> tuple[str, Properties]: ...
    def read(self, id_: str, outputs: Properties) -> Properties | None: ...
    def update(self, id_: str, outputs: Properties, inputs: Properties) -> Properties: ...
    def delete(self, id_: str, outputs: Properties) -> None: ...


class Dynamic:
    """The dynamic provider, as its host calls it."""

    def __init__(self) -> None:
        self._provider = provider()

    def check(self, olds: Properties, news: Properties) -> Properties:
        result = self._provider.check(olds, {"external_meeting_id": "keynote", **news})
        if result.failures:
            raise Failed("\n".join(f.reason for f in result.failures))
        return result.inputs

    def diff(self, olds: Properties, news: Properties) -> tuple[bool, list[str]]:
        result = self._provider.diff("", olds, news)
        return bool(result.changes), list(result.replaces or ())

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        made = self._calling(lambda: self._provider.create(inputs))
        return made.id, made.outs

    def read(self, id_: str, outputs: Properties) -> Properties | None:
        return self._calling(lambda: self._provider.read(id_, outputs)).outs or None

    def update(self, id_: str, outputs: Properties, inputs: Properties) -> Properties:
        updated: Properties = self._calling(
            lambda: self._provider.update(id_, outputs, inputs)
        ).outs
        return updated

    def delete(self, id_: str, outputs: Properties) -> None:
        self._calling(lambda: self._provider.delete(id_, outputs))

    def _calling(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except MeetingProviderError as error:
            raise Failed(str(error)) from error


@dataclass
class Plugin:
    """A plugin's process, as the engine calls it."""

    stub: provider_pb2_grpc.ResourceProviderStub
    #: The last answer, to look at what the dynamic provider doesn't have.
    answer: Any = field(default=None)

    def check(self, olds: Properties, news: Properties) -> Properties:
        request = pb.CheckRequest(urn=URN, olds=wire(olds), news=wire(news))
        self.answer = self.stub.Check(request)
        if self.answer.failures:
            raise Failed("\n".join(f.reason for f in self.answer.failures))
        return plain(self.answer.inputs)

    def diff(self, olds: Properties, news: Properties) -> tuple[bool, list[str]]:
        self.answer = self.stub.Diff(pb.DiffRequest(urn=URN, olds=wire(olds), news=wire(news)))
        names = {to_camel(n): n for n in news}
        differs = self.answer.changes == pb.DiffResponse.DIFF_SOME
        return differs, [names[n] for n in self.answer.replaces]

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        self._call(self.stub.Create, pb.CreateRequest(urn=URN, properties=wire(inputs)))
        return self.answer.id, plain(self.answer.properties)

    def read(self, id_: str, outputs: Properties) -> Properties | None:
        request = pb.ReadRequest(id=id_, urn=URN, properties=wire(outputs), inputs=wire({}))
        self._call(self.stub.Read, request)
        return plain(self.answer.properties) if self.answer.id else None

    def update(self, id_: str, outputs: Properties, inputs: Properties) -> Properties:
        request = pb.UpdateRequest(id=id_, urn=URN, olds=wire(outputs), news=wire(inputs))
        self._call(self.stub.Update, request)
        return plain(self.answer.properties)

    def delete(self, id_: str, outputs: Properties) -> None:
        request = pb.DeleteRequest(id=id_, urn=URN, properties=wire(outputs))
        self._call(self.stub.Delete, request)

    def _call(self, method: Callable[[Any], Any], request: Any) -> None:
        try:
            self.answer = method(request)
        except grpc.RpcError as error:
            raise Failed(error.details()) from error


def renamed(value: Any, rename: Callable[[str], str], parent: str = "") -> Any:
    """The properties in other names. Keys of the program stay."""
    if isinstance(value, list):
        return [renamed(v, rename) for v in value]
    if (
        not isinstance(value, Mapping)
        or value.keys() >= SECRET.keys()
        or parent in ("tags", "api_meeting", "meeting_details")
    ):
        return value
    if parent in ("attendees", "attendee_ids", "join_tokens"):
        return {k: renamed(v, rename) for k, v in value.items()}
    return {rename(k): renamed(v, rename, from_camel(k)) for k, v in value.items()}


def from_camel(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def wire(properties: Properties) -> struct_pb2.Struct:
    return json_format.ParseDict(renamed(properties, to_camel), struct_pb2.Struct())


def plain(properties: struct_pb2.Struct) -> Properties:
    values = json_format.MessageToDict(properties)
    bare = {n: v["value"] if isinstance(v, dict) and "value" in v else v for n, v in values.items()}
    return dict(renamed(bare, from_camel))


@pytest.fixture(scope="module")
def cloud() -> Iterator[Sandbox]:
    """An emulated AWS."""
    with emulator.running() as endpoint:
        yield Sandbox(endpoint)


@pytest.fixture(scope="module")
def environment(cloud: Sandbox) -> Iterator[dict[str, str]]:
    """The environment of both adapters."""
    variables = {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "else",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield dict(os.environ)


@pytest.fixture(scope="module")
def plugin(environment: dict[str, str]) -> Iterator[Plugin]:
    """The installed executable, configured."""
    command = [os.path.join(os.path.dirname(sys.executable), "pulumi-resource-chime-meetings")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        try:
            with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                stub.Handshake(pb.ProviderHandshakeRequest(supports_refresh_before_update=True))
                settings = wire({"region": REGION})
                stub.Configure(pb.ConfigureRequest(args=settings, acceptSecrets=True))
                yield Plugin(stub)
        finally:
            process.terminate()


@pytest.fixture
def adapters(plugin: Plugin, cloud: Sandbox) -> list[Adapter]:
    """Both adapters."""
    cloud.reset()
    return [Dynamic(), plugin]


def declared(*names: str, **changed: Any) -> Properties:
    """A meeting with these attendees."""
    return {"attendees": {i: {} for i in names}, **changed}


def limited(
    capabilities: Mapping[str, str], *names: str, others: tuple[str, ...] = ()
) -> Properties:
    entries = {i: {"capabilities": dict(capabilities)} for i in names}
    return {"attendees": entries | {i: {} for i in others}}


TRIO = declared("ann", "bob", "cat", tags={"room": "main", "track": "one"})

#: What happens to a meeting between two runs, in the emulated service.
Event = Callable[[Sandbox, str], object]


@dataclass
class Scenario:
    """A meeting as declared before and after, and what happens between the two runs."""

    before: Properties
    after: Properties | None
    event: Event = lambda *_: None


SCENARIOS = {
    "the same": Scenario(TRIO, TRIO),
    "250 attendees": Scenario(declared(*people(250)), declared(*people(250))),
    "attendees exchanged": Scenario(TRIO, TRIO | declared("ann", "dan", "eve")),
    "130 attendees added": Scenario(TRIO, declared("ann", *people(130))),
    "one capability": Scenario(TRIO, TRIO | limited(LISTENING, "cat", others=("ann", "bob"))),
    "capabilities of most": Scenario(
        declared(*people(9)), limited(NOTHING, *people(8), others=("guest-008",))
    ),
    "tags": Scenario(TRIO, TRIO | {"tags": {"room": "side", "day": "two"}}),
    "tags removed": Scenario(TRIO, declared("ann", "bob", "cat")),
    "another media region": Scenario(TRIO, TRIO | {"media_region": "us-east-1"}),
    "features": Scenario(TRIO, TRIO | {"meeting_features": {"attendee": {"max_count": 7}}}),
    "a default that no call can set": Scenario(
        declared("ann", "bob", meeting_features={"video": {"max_resolution": "None"}}),
        limited(EVERYTHING | {"video": "None", "content": "None"}, "ann", others=("bob",))
        | {"meeting_features": {"video": {"max_resolution": "None"}}},
    ),
    "others ignored": Scenario(TRIO, TRIO | {"ignore_undeclared_attendees": True}),
    "ended": Scenario(TRIO, TRIO, lambda cloud, meeting_id: cloud.end(meeting_id)),
    "throttled": Scenario(
        TRIO, TRIO | declared("dan"), lambda cloud, _: cloud.fault("throttle", count=2)
    ),
    "attendees refused": Scenario(
        TRIO,
        TRIO | declared("ann", "dan", "eve"),
        lambda cloud, _: cloud.refuse_attendees("Forbidden", external_user_ids=["dan"]),
    ),
    "forbidden": Scenario(
        TRIO, TRIO | {"tags": {}}, lambda cloud, _: cloud.fault("forbidden", "UntagResource")
    ),
    "ended during the update": Scenario(
        TRIO,
        TRIO | declared("ann"),
        lambda cloud, _: cloud.fault("end", "DeleteAttendee", when=AFTER),
    ),
    "deleted": Scenario(TRIO, None),
    "deleted after its end": Scenario(TRIO, None, lambda cloud, meeting_id: cloud.end(meeting_id)),
    "a delete that fails": Scenario(
        TRIO, None, lambda cloud, _: cloud.fault("forbidden", "DeleteMeeting")
    ),
}


def run(adapter: Adapter, scenario: Scenario, cloud: Sandbox) -> list[Any]:
    """What can be seen of a scenario: calls, differences, errors, and what is left."""
    cloud.reset()
    seen: list[Any] = []
    ids: list[str] = []

    def calls(step: str) -> None:
        found = sorted((c.operation, c.outcome, c.items, c.fault) for c in cloud.requests())
        seen.append((step, found))
        cloud.clear_requests()

    inputs = adapter.check({}, scenario.before)
    id_, outputs = adapter.create(inputs)
    ids.append(id_)
    calls("create")
    scenario.event(cloud, id_)
    try:
        if scenario.after is None:
            adapter.delete(id_, outputs)
        else:
            found = adapter.read(id_, outputs)
            calls("read")
            news = adapter.check(inputs if found else {}, scenario.after)
            changes, replaces = adapter.diff(found, news) if found else (True, [])
            seen.append((changes, replaces))
            if replaces or not found:
                adapter.create(news)
                if found:
                    adapter.delete(id_, found)
            elif changes:
                adapter.update(id_, found, news)
    except Failed as error:
        seen.append(str(error).replace(id_, "ID"))
    calls("change")
    seen.append([(m.request.get("MediaRegion"), m.tags, m.external_user_ids) for m in cloud.live()])
    return seen


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_adapters_make_the_same_calls(
    name: str, adapters: list[Adapter], cloud: Sandbox
) -> None:
    dynamic, plugin = (run(adapter, SCENARIOS[name], cloud) for adapter in adapters)
    assert plugin == dynamic
    assert [operation for step, calls in plugin[:1] for operation, *_ in calls]


#: Arguments that messages name.
NAMES = (
    "client_request_token",
    "control_region",
    "external_meeting_id",
    "external_user_id",
    "max_count",
    "max_resolution",
    "media_region",
    "meeting_features",
    "notifications_configuration",
    "sqs_queue_arn",
    "tenant_ids",
)


def in_camel_case(text: str) -> str:
    for name in NAMES:
        text = text.replace(name, to_camel(name))
    return text


@pytest.mark.parametrize(
    "changed",
    [
        {"attendees": {}},
        {"attendees": None},
        {"attendees": {"a": {}, "ann": {"capabilities": {"audio": "Loud"}}}},
        {"attendees": {"ann": {"capabilities": EVERYTHING | {"video": "Send"}}}},
        {"external_meeting_id": "x;y"},
        {"media_region": "mars"},
        {"control_region": "eu-west-1"},
        {"control_region": "us-gov-west-1", "media_region": "eu-west-1"},
        {"meeting_features": {"video": {"max_resolution": "FHD"}}},
        {"meeting_features": {"attendee": {"max_count": 2.5}}},
        {"notifications_configuration": {"sqs_queue_arn": "arn:aws:sqs:us-east-1:1:q.fifo"}},
        {"tags": {"aws:x": "1", "b": "ü" * 257}},
        {"tenant_ids": []},
        {"tagz": {}, "tags": 3},
    ],
    ids=str,
)
def test_bad_input_gives_the_same_messages(changed: Properties, adapters: list[Adapter]) -> None:
    messages = []
    for adapter in adapters:
        with pytest.raises(Failed) as error:
            adapter.check({}, TRIO | changed)
        messages.append(str(error.value))
    dynamic, plugin = messages
    assert plugin == in_camel_case(dynamic)
    assert "_" not in plugin.replace("[-_", "").replace("._", "")


class TestThePlugin:
    """What only the plugin has."""

    def test_shows_each_difference_at_its_place(self, plugin: Plugin, cloud: Sandbox) -> None:
        inputs = plugin.check({}, TRIO)
        _, outputs = plugin.create(inputs)
        changed = limited(LISTENING, "cat", others=("ann", "e f")) | {"tags": {"room": "side"}}
        plugin.diff(outputs, plugin.check(inputs, changed | {"media_region": "us-east-1"}))
        kinds = {
            p: pb.PropertyDiff.Kind.Name(d.kind) for p, d in plugin.answer.detailedDiff.items()
        }
        assert kinds == {
            "attendees.bob": "DELETE",
            'attendees["e f"]': "ADD",
            "attendees.cat.capabilities": "ADD",
            "mediaRegion": "UPDATE_REPLACE",
            "tags.room": "UPDATE",
            "tags.track": "DELETE",
        }

    def test_knows_the_outputs_of_a_create_as_far_as_they_can_be(self, plugin: Plugin) -> None:
        inputs = plugin.check({}, declared("ann", tags={"host": UNKNOWN}))
        request = pb.CreateRequest(urn=URN, properties=wire(inputs), preview=True)
        previewed = plain(plugin.stub.Create(request).properties)
        assert previewed == inputs | {
            "attendee_ids": {"ann": UNKNOWN},
            "join_tokens": {"ann": UNKNOWN},
            **dict.fromkeys(
                ("meeting_id", "meeting_arn", "media_placement", "meeting_details", "api_meeting"),
                UNKNOWN,
            ),
        }

    def test_knows_the_outputs_of_an_update_as_far_as_they_can_be(self, plugin: Plugin) -> None:
        features = {"video": {"max_resolution": "None"}}
        mute = {"audio": "None", "video": "None", "content": "None"}
        before = limited(mute, "ann", "bob", "cat") | {"meeting_features": features}
        id_, outputs = plugin.create(plugin.check({}, before))
        # The default capabilities of such a meeting take a new attendee.
        after = limited(mute, "ann", others=("bob", "dan")) | {"meeting_features": features}
        request = pb.UpdateRequest(
            id=id_, urn=URN, olds=wire(outputs), news=wire(plugin.check({}, after)), preview=True
        )
        previewed = plain(plugin.stub.Update(request).properties)
        ids = outputs["attendee_ids"]
        assert previewed["attendee_ids"] == {"ann": ids["ann"], "bob": UNKNOWN, "dan": UNKNOWN}
        assert previewed["media_placement"] == outputs["media_placement"]
        assert previewed["api_meeting"] == outputs["api_meeting"]
        made = plugin.update(id_, outputs, plugin.check({}, after))
        assert made["attendee_ids"]["ann"] == ids["ann"]
        assert made["attendee_ids"]["bob"] != ids["bob"]

    def test_keeps_secrets_by_the_protocol(self, plugin: Plugin) -> None:
        secret = SECRET | {"value": "hush-hush"}
        news = wire(declared("ann", meeting_host_id=secret))
        checked = plugin.stub.Check(pb.CheckRequest(urn=URN, news=news))
        assert json_format.MessageToDict(checked.inputs)["meetingHostId"] == secret
        made = plugin.stub.Create(pb.CreateRequest(urn=URN, properties=checked.inputs))
        outputs = json_format.MessageToDict(made.properties)
        marked = [
            n for n, v in outputs.items() if isinstance(v, dict) and SECRET.items() <= v.items()
        ]
        assert set(marked) == {
            "meetingHostId", "joinTokens", "apiMeeting", "meetingDetails"
        }  # fmt: skip

    def test_does_not_quote_a_secret(self, plugin: Plugin) -> None:
        news = wire(declared("ann", meeting_host_id=SECRET | {"value": "hush;hush"}))
        (failure,) = plugin.stub.Check(pb.CheckRequest(urn=URN, news=news)).failures
        assert failure.reason.startswith("meetingHostId: is invalid")
        assert "hush" not in failure.reason

    def test_reports_errors_on_one_line(self, plugin: Plugin, cloud: Sandbox) -> None:
        cloud.fault("forbidden", "CreateMeetingWithAttendees")
        with pytest.raises(Failed) as error:
            plugin.create(plugin.check({}, TRIO))
        assert str(error.value).startswith("meeting 'keynote': CreateMeetingWithAttendees failed")
        assert "\n" not in str(error.value)
        assert "Traceback" not in str(error.value)

    def test_names_its_types_where_another_is_asked_for(self, plugin: Plugin) -> None:
        """`pulumi import` checks no type itself."""
        request = pb.ReadRequest(id="one", urn=URN.replace(":Meeting", ":Meetin"))
        with pytest.raises(Failed, match=r"^there is no resource 'Meetin'; use Meeting"):
            plugin._call(plugin.stub.Read, request)

    def test_reports_an_id_of_another_form(self, plugin: Plugin) -> None:
        request = pb.ReadRequest(id="keynote", urn=URN.replace(":Meeting", ":Recording"))
        with pytest.raises(Failed, match="MediaPipelineId") as error:
            plugin._call(plugin.stub.Read, request)
        assert str(error.value).endswith("; correct what the error names")

    def test_names_the_meeting_in_errors(self, plugin: Plugin, cloud: Sandbox) -> None:
        """Outputs that are always secret have the meeting's name, too."""
        id_, _ = plugin.create(plugin.check({}, TRIO))
        request = pb.DeleteRequest(urn=URN, properties=plugin.answer.properties)
        assert "apiMeeting" in request.properties
        cloud.fault("forbidden", "DeleteMeeting")
        with pytest.raises(Failed) as error:
            plugin._call(plugin.stub.Delete, request)
        named = f"meeting 'keynote ({id_})': DeleteMeeting failed: Forbidden"
        assert str(error.value).startswith(named)

    def test_asks_to_be_refreshed_before_each_update(self, plugin: Plugin) -> None:
        id_, outputs = plugin.create(plugin.check({}, TRIO))
        assert plugin.answer.refresh_before_update
        plugin.read(id_, outputs)
        assert plugin.answer.refresh_before_update

    def test_adds_again_whose_token_the_service_did_not_return(
        self, plugin: Plugin, cloud: Sandbox
    ) -> None:
        id_, made = plugin.create(plugin.check({}, TRIO))
        cloud.settings(read_join_tokens=False)
        found = plugin.read(id_, {})
        cloud.settings(read_join_tokens=True)
        assert found is not None
        assert found["join_tokens"] == {}
        changes, _ = plugin.diff(found, found)
        assert changes
        assert set(plugin.answer.detailedDiff) == {f"joinTokens.{i}" for i in TRIO["attendees"]}
        assert (
            plugin.update(id_, found, plugin.check({}, TRIO))["join_tokens"] == made["join_tokens"]
        )

    def test_a_cancel_ends_what_is_under_way(self, plugin: Plugin, cloud: Sandbox) -> None:
        """A create that is throttled gives up, and leaves no meeting."""
        cloud.reset()
        cloud.hold("CreateMeetingWithAttendees", when=AFTER)
        large = pb.CreateRequest(urn=URN, properties=wire(plugin.check({}, declared(*people(30)))))
        creating = plugin.stub.Create.future(large)
        cloud.wait_held()
        plugin.stub.Cancel(empty_pb2.Empty())
        cloud.release()
        with pytest.raises(grpc.RpcError) as error:
            creating.result(timeout=180)
        assert "it was cancelled before this call" in str(error.value.details())
        assert cloud.live() == []
        plugin.stub.Configure(pb.ConfigureRequest(args=wire({"region": REGION})))
