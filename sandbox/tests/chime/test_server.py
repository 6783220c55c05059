"""One endpoint for every service, which the signature names; and its processes."""

import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ConnectionClosedError

from chime_sandbox import admin, emulator
from chime_sandbox.admin import Sandbox, SandboxError
from chime_sandbox.pytest_plugin import client
from chime_sandbox.server import running

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=sandbox/20300101/us-east-1/chime/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
ROOT = Path(__file__).parent.parent.parent
#: How long anything is waited for that has to happen, in seconds. Far more than it takes.
PATIENCE = 120

pytestmark = pytest.mark.usefixtures("sandbox")


def send(url, body=None, method="GET", **headers):
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_the_endpoint_variable_is_all_the_set_up_there_is(endpoint, sandbox, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sandbox")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    session = boto3.Session(region_name="eu-central-1")
    assert session.client("sts").get_caller_identity()["Account"] == "123456789012"
    topic = session.client("sns").create_topic(Name="events")["TopicArn"]
    assert topic == "arn:aws:sns:eu-central-1:123456789012:events"
    sqs = session.client("sqs")
    queue = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = "arn:aws:sqs:eu-central-1:123456789012:events"
    session.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    session.client("sns").publish(TopicArn=topic, Message="hello")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["Message"] == "hello"
    session.client("ssm").put_parameter(Name="/a", Value="b", Type="String")
    assert session.client("ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "b"
    s3 = session.client("s3")
    location = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(Bucket="recordings", CreateBucketConfiguration=location)
    s3.put_object(Bucket="recordings", Key="day/one.mp4", Body=b"\0" * 100_000)
    assert len(s3.get_object(Bucket="recordings", Key="day/one.mp4")["Body"].read()) == 100_000
    pipelines = session.client("chime-sdk-media-pipelines")
    assert pipelines.list_media_pipelines()["MediaPipelines"] == []
    session.client("chime-sdk-meetings").create_meeting(
        ClientRequestToken="token", MediaRegion="eu-central-1", ExternalMeetingId="keynote"
    )
    assert {call.service for call in sandbox.requests(service=None)} == {
        "sts", "s3", "sns", "sqs", "ssm", "chime",
    }  # fmt: skip


def test_a_presigned_query_is_recognized_too(endpoint, new):
    made = new()["Meeting"]
    request = AWSRequest("GET", f"{endpoint}/meetings/{made['MeetingId']}")
    SigV4QueryAuth(Credentials("sandbox", "sandbox"), "chime", "us-east-1").add_auth(request)
    status, _, body = send(request.url)
    assert status == 200
    assert json.loads(body)["Meeting"] == made


def test_an_unsigned_call_is_refused(endpoint):
    status, headers, _ = send(f"{endpoint}/meetings/x")
    assert (status, headers["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")


def test_a_service_that_isnt_there_is_refused_with_those_that_are(endpoint):
    with pytest.raises(ClientError, match="serves chime, s3, sns, sqs, sts, ssm, not dynamodb"):
        client(endpoint, "dynamodb").list_tables()


def test_a_path_of_no_operation_is_an_unknown_operation(endpoint, sandbox):
    status, headers, _ = send(f"{endpoint}/elsewhere", Authorization=SIGNED)
    assert (status, headers["x-amzn-ErrorType"]) == (404, "UnknownOperationException")
    assert sandbox.requests()[-1].outcome == "UnknownOperationException"


@pytest.mark.parametrize(
    "body", ["no json", "[]", '"text"', '{"Attendees": 5}', '{"MeetingFeatures": "x"}']
)
def test_a_body_of_another_structure_is_refused(endpoint, body):
    status, headers, _ = send(
        f"{endpoint}/meetings?operation=create-attendees", body, "POST",
        **{"Authorization": SIGNED, "Content-Type": "application/json"},
    )  # fmt: skip
    assert (status, headers["x-amzn-ErrorType"]) == (400, "ValidationException")


def test_a_body_that_isnt_json_is_refused(endpoint):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, body = send(f"{endpoint}/meetings", "a=b", "POST", Authorization=SIGNED, **form)
    assert status == 400
    assert "must be JSON" in json.loads(body)["Message"]


def test_one_connection_serves_call_after_call(endpoint):
    with socket.create_connection(("127.0.0.1", int(endpoint.rpartition(":")[2]))) as connection:
        for path, status in (("/_sandbox/clock", b"200"), ("/nowhere", b"403")) * 2:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: sandbox\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 " + status)


def test_the_cloud_listens_on_loopback_alone(endpoint):
    port = int(endpoint.rpartition(":")[2])
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]
    assert listening == [f"0100007F:{port:04X}"]


# Processes


def start(*options):
    return subprocess.Popen(
        [sys.executable, "-m", "chime_sandbox.server", *map(str, options)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def endpoint_of(process):
    return process.stdout.readline().removeprefix("listening on ").strip()


def fill(endpoint):
    chime = client(endpoint)
    made = chime.create_meeting_with_attendees(
        ClientRequestToken="token",
        MediaRegion="us-east-1",
        ExternalMeetingId="keynote",
        Attendees=[{"ExternalUserId": "ana"}, {"ExternalUserId": "ben"}],
        Tags=[{"Key": "team", "Value": "events"}],
    )
    chime.delete_attendee(
        MeetingId=made["Meeting"]["MeetingId"], AttendeeId=made["Attendees"][1]["AttendeeId"]
    )
    gone = chime.create_meeting(
        ClientRequestToken="gone", MediaRegion="us-east-1", ExternalMeetingId="gone"
    )["Meeting"]
    chime.delete_meeting(MeetingId=gone["MeetingId"])
    topic = client(endpoint, "sns").create_topic(Name="events")["TopicArn"]
    client(endpoint, "sqs").create_queue(QueueName="events", Attributes={"DelaySeconds": "3"})
    client(endpoint, "sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:events"
    )
    client(endpoint, "ssm").put_parameter(Name="/a", Value="b", Type="String")
    sandbox = Sandbox(endpoint)
    sandbox.settings(ended_token="new", latency=0.001)
    sandbox.quota("GetMeeting", rate=50)
    sandbox.join(made["Meeting"]["MeetingId"], made["Attendees"][0]["AttendeeId"])
    sandbox.advance(3600)
    return made, sandbox.meetings(), sandbox.settings()


def look(endpoint):
    chime = client(endpoint)
    sandbox = Sandbox(endpoint)
    meeting = sandbox.live()[0]
    sqs = client(endpoint, "sqs")
    queue = sqs.get_queue_url(QueueName="events")["QueueUrl"]
    assert queue.startswith(endpoint)
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["DelaySeconds"])
    assert attributes["Attributes"] == {"DelaySeconds": "3"}
    assert len(client(endpoint, "sns").list_subscriptions()["Subscriptions"]) == 1
    assert client(endpoint, "ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "b"
    listed = chime.list_attendees(MeetingId=meeting.meeting_id)["Attendees"]
    tags = chime.list_tags_for_resource(ResourceARN=meeting.arn)["Tags"]
    assert tags == [{"Key": "team", "Value": "events"}]
    return listed, sandbox.meetings(), sandbox.settings()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_state_outlives_the_process(tmp_path, end):
    state = tmp_path / "state"
    process = start("--state-file", state)
    made, meetings, settings = fill(endpoint_of(process))
    process.send_signal(end)
    process.communicate(timeout=PATIENCE)
    with running(state) as endpoint:
        listed, restored, kept = look(endpoint)
        assert listed == made["Attendees"][:1]
        assert (restored, kept) == (meetings, settings)
        again = client(endpoint).create_meeting_with_attendees(
            ClientRequestToken="token",
            MediaRegion="us-east-1",
            ExternalMeetingId="keynote",
            Attendees=[{"ExternalUserId": "ana"}],
        )
        assert again["Meeting"] == made["Meeting"]
    assert state.stat().st_mode & 0o077 == 0


def test_messages_outlive_the_process(tmp_path):
    state = tmp_path / "state"
    with running(state) as endpoint:
        sqs = client(endpoint, "sqs")
        queue = sqs.create_queue(QueueName="events")["QueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody="hello")
    with running(state) as endpoint:
        sqs = client(endpoint, "sqs")
        queue = sqs.get_queue_url(QueueName="events")["QueueUrl"]
        (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
        assert message["Body"] == "hello"


def test_time_goes_on_while_no_process_runs(tmp_path):
    state = tmp_path / "state"
    with running(state) as endpoint:
        fill(endpoint)
        before = Sandbox(endpoint).now()
    with running(state) as endpoint:
        assert before <= Sandbox(endpoint).now() < before + 600


def test_the_endpoint_file_is_locked_while_the_process_runs(tmp_path):
    file = tmp_path / "a" / "endpoint"
    process = start("--endpoint-file", file)
    endpoint = endpoint_of(process)
    assert file.read_text() == f"{endpoint}\n"
    assert emulator.is_locked(file)
    second = start("--endpoint-file", file)
    _, errors = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert "one is running already" in errors
    process.kill()
    process.communicate()
    assert not emulator.is_locked(file)


def test_a_check_of_the_endpoint_file_at_its_start_does_not_stop_it(tmp_path):
    """`is_locked` holds a shared lock for a moment; here it is a long one."""
    file = tmp_path / "endpoint"
    with file.open("w") as checked:
        fcntl.flock(checked, fcntl.LOCK_SH)
        process = start("--endpoint-file", file)
        time.sleep(1)
    endpoint = endpoint_of(process)
    assert file.read_text() == f"{endpoint}\n"
    assert Sandbox(endpoint).live() == []
    process.terminate()
    process.communicate(timeout=PATIENCE)


def test_sigterm_stops_cleanly():
    process = start()
    endpoint_of(process)
    process.terminate()
    assert process.communicate(timeout=PATIENCE)[1] == ""
    assert process.returncode == 0


def test_the_admin_route_stops_it(tmp_path):
    process = start("--state-file", tmp_path / "state")
    Sandbox(endpoint_of(process)).stop()
    assert process.communicate(timeout=PATIENCE)[1] == ""
    assert process.returncode == 0


def test_sigterm_stops_cleanly_while_a_call_is_held(tmp_path):
    process = start("--state-file", tmp_path / "state")
    endpoint = endpoint_of(process)
    sandbox = Sandbox(endpoint)
    sandbox.hold("CreateMeeting")
    parameters = {
        "ClientRequestToken": "token", "MediaRegion": "us-east-1", "ExternalMeetingId": "keynote"
    }  # fmt: skip
    with ThreadPoolExecutor() as pool:
        calling = pool.submit(client(endpoint).create_meeting, **parameters)
        sandbox.wait_held()
        process.terminate()
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")
        with pytest.raises(ConnectionClosedError):
            calling.result()
    with running(tmp_path / "state") as again:
        assert Sandbox(again).meetings() == []


def test_a_state_file_in_use_is_refused_in_one_sentence(tmp_path):
    state = tmp_path / "state"
    with running(state):
        _, errors = start("--state-file", state).communicate(timeout=PATIENCE)
    assert errors.strip() == f"Error: {state} is in use by another process: database is locked"


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path):
    state = tmp_path / "notes"
    state.write_text("do not lose this" * 100)
    process = start("--state-file", state)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "is not a state file of the sandbox" in errors
    assert state.read_text() == "do not lose this" * 100


# What no client of the API sends


def raw(endpoint, head, body=b""):
    """The first line of the answer to bytes that are sent as they are."""
    host, port = endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n" + body)
        return connection.makefile("rb").readline().decode()


@pytest.mark.parametrize("length", ["-1", "many", "1e3", "+5"])
def test_a_content_length_that_is_no_number_is_refused_at_once(endpoint, length):
    head = f"POST /_sandbox/clock HTTP/1.1\r\nHost: here\r\nContent-Length: {length}"
    assert " 400 " in raw(endpoint, head, b"{}")


@pytest.mark.parametrize("path", ["/_sandbox/clock", "/meetings"])
@pytest.mark.parametrize(
    "body", ["{", "nothing", '{"seconds": }', "[" * 100_000, '{"a":' * 100_000]
)
def test_a_body_that_is_no_json_is_refused_and_nothing_happens(endpoint, sandbox, path, body):
    before = len(sandbox.meetings())
    headers = {"Content-Type": "application/json", "Authorization": SIGNED}
    status, _, answered = send(endpoint + path, body, "POST", **headers)
    assert status == 400
    assert answered
    assert len(sandbox.meetings()) == before


@pytest.mark.parametrize("body", ["[]", "1", "null", '"text"'])
def test_the_admin_route_takes_json_objects_only(endpoint, body):
    status, _, _ = send(endpoint + "/_sandbox/settings", body, "POST")
    assert status == 400


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "many", None, [1]])
@pytest.mark.parametrize("name", ["latency", "meetings_per_account"])
def test_settings_are_numbers_from_0_upwards(sandbox, name, value):
    before = sandbox.settings()
    with pytest.raises(SandboxError):
        sandbox.settings(**{name: value})
    assert sandbox.settings() == before


@pytest.mark.parametrize(("rate", "burst"), [(-1, 1), (0, 1), (float("nan"), 1), (1, 0), (1, -1)])
def test_quotas_are_above_nothing(sandbox, rate, burst):
    with pytest.raises(SandboxError):
        sandbox.quota(rate=rate, burst=burst)


@pytest.mark.parametrize("broken", [{"seconds": float("nan")}, {"seconds": -1}, {"count": 0}])
def test_faults_are_for_at_least_one_call_and_no_negative_time(sandbox, broken):
    with pytest.raises(SandboxError):
        sandbox.fault("delay", **broken)


def test_the_clock_ends_meetings_again_after_the_disk_was_full(tmp_path):
    """A limit on file sizes stands in for the full disk: the first write beyond it fails."""
    process = start("--state-file", tmp_path / "state")
    endpoint = endpoint_of(process)
    sandbox = Sandbox(endpoint)
    client(endpoint).create_meeting(
        ClientRequestToken="token", MediaRegion="us-east-1", ExternalMeetingId="keynote"
    )
    size = sum(f.stat().st_size for f in tmp_path.iterdir())
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    with pytest.raises(SandboxError):
        sandbox.advance(301)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert size
    deadline = time.monotonic() + PATIENCE
    while sandbox.live():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.kill()
    process.communicate()
    with running(tmp_path / "state") as restarted:
        assert [m.end_reason for m in Sandbox(restarted).meetings()] == ["idle"]


@contextmanager
def answering(answer):
    """The endpoint of a server that answers one request with these bytes."""

    def serve():
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = Thread(target=serve)
        serving.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        serving.join()


def test_an_endpoint_that_hangs_up_is_reported_like_one_that_isnt_there():
    """As an emulator does that ends while it answers."""
    with answering(b"") as endpoint:
        sandbox = Sandbox(endpoint)
        with pytest.raises(SandboxError, match="no sandbox answers at"):
            sandbox.stop()


# The command line


def command(endpoint, *words):
    ran = subprocess.run(
        [sys.executable, "-m", "chime_sandbox", "admin", *words],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "AWS_ENDPOINT_URL": endpoint},
    )  # fmt: skip
    return ran.returncode, ran.stdout, ran.stderr


def test_people_can_look_and_turn_from_the_command_line(endpoint, new):
    answer = new("ana")
    meeting_id, attendee_id = answer["Meeting"]["MeetingId"], answer["Attendees"][0]["AttendeeId"]
    assert command(endpoint, "join", meeting_id, attendee_id)[0] == 0
    _, shown, _ = command(endpoint, "meetings")
    assert f"{meeting_id}  keynote  alive" in shown
    assert f"{attendee_id}  ana  connected" in shown
    _, shown, _ = command(endpoint, "requests")
    assert "CreateMeetingWithAttendees" in shown
    assert answer["Attendees"][0]["JoinToken"] not in shown
    _, shown, _ = command(endpoint, "settings", "ended_token=new", "latency=0.5")
    assert 'ended_token="new"' in shown
    assert "latency=0.5" in shown
    assert command(endpoint, "leave", meeting_id, attendee_id)[0] == 0
    assert command(endpoint, "advance", "360")[0] == 0
    _, shown, _ = command(endpoint, "meetings", "--all")
    assert f"{meeting_id}  keynote  ended (idle)" in shown


def test_faults_are_cleared_and_calls_released_from_the_command_line(endpoint, sandbox, chime, new):
    meeting_id = new("ana")["Meeting"]["MeetingId"]
    assert command(endpoint, "fault", "hold", "GetMeeting")[0] == 0
    assert command(endpoint, "fault", "failure", "GetMeeting", "--count", "5")[0] == 0
    with ThreadPoolExecutor() as pool:
        held = pool.submit(chime.get_meeting, MeetingId=meeting_id)
        sandbox.wait_held()
        assert command(endpoint, "clear-faults")[0] == 0
        assert held.result(timeout=PATIENCE)["Meeting"]["MeetingId"] == meeting_id
    assert chime.get_meeting(MeetingId=meeting_id)["Meeting"]["MeetingId"] == meeting_id


def test_the_command_line_shows_transcription_and_media_pipelines(
    endpoint, sandbox, chime, new, clients
):
    meeting = new("ana")["Meeting"]
    of = {"MeetingId": meeting["MeetingId"]}
    for settings, words in (
        ({"LanguageCode": "de-DE"}, 'transcribed with {"EngineTranscribeSettings"'),
        ({}, "transcription failed: exactly one of LanguageCode and IdentifyLanguage"),
    ):
        engine = {"EngineTranscribeSettings": settings}
        chime.start_meeting_transcription(**of, TranscriptionConfiguration=engine)
        assert words in command(endpoint, "meetings")[1]
    clients("s3").create_bucket(Bucket="recordings")
    sandbox.settings(bucket_policy="write", bucket_region="any")
    made = clients("chime-sdk-media-pipelines").create_media_capture_pipeline(
        SourceType="ChimeSdkMeeting",
        SourceArn=meeting["MeetingArn"],
        SinkType="S3Bucket",
        SinkArn="arn:aws:s3:::recordings",
    )["MediaCapturePipeline"]
    line = f"{made['MediaPipelineId']}  captures {meeting['MeetingId']}"
    assert f"{line}  Initializing" in command(endpoint, "pipelines")[1]
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(2)
    assert f"{line}  Failed (s3:PutObject is refused" in command(endpoint, "pipelines")[1]


def test_meetings_and_attendees_have_their_names_on_the_command_line(endpoint, new, sandbox):
    first = new("ana", "ben")["Meeting"]["MeetingId"]
    assert command(endpoint, "join", "keynote", "ben")[0] == 0
    (meeting,) = sandbox.live()
    assert {a.external_user_id: a.connected for a in meeting.attendees} == {
        "ana": False, "ben": True
    }  # fmt: skip
    second = new("ana")["Meeting"]["MeetingId"]
    code, _, errors = command(endpoint, "end", "keynote")
    assert (code, errors.partition(";")[0]) == (1, "Error: 2 active meetings are called keynote")
    assert command(endpoint, "end", second)[0] == 0
    assert [each.meeting_id for each in sandbox.live()] == [first]
    assert command(endpoint, "end", "keynote")[0] == 0
    assert sandbox.live() == []


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("end", "nobody"), "no active meeting is called nobody; `meetings` lists"),
        (("leave", "nobody", "ana"), "no active meeting is called nobody; `meetings` lists"),
        (("fault", "GetMeeting"), "no kind of fault is 'GetMeeting'; there are throttle, failure,"),
        (("fault", "drop", "Meet"), "the API has no operation Meet"),
        (("settings", "latency"), "latency has no value: use NAME=VALUE, such as latency=0.5"),
    ],
)
def test_a_refusal_on_the_command_line_is_one_sentence(endpoint, words, error):
    code, _, errors = command(endpoint, *words)
    assert (code, len(errors.splitlines())) == (1, 1)
    assert errors.startswith(f"Error: {error}")


@pytest.mark.parametrize("address", ["127.0.0.1:4566", "localhost:4566", "ftp://127.0.0.1"])
def test_an_endpoint_that_is_no_url_is_refused_in_one_sentence(address):
    code, _, errors = command(address, "meetings")
    expected = f"Error: the endpoint '{address}' is not a URL such as http://127.0.0.1:8080\n"
    assert (code, errors) == (1, expected)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<p>not found"),
        (404, b'{"__type": "NoSuchBucket"}'),
        (404, b'["message"]'),
        (500, b""),
        (200, b"<p>welcome"),
    ],
)
def test_an_endpoint_of_another_server_is_refused_in_one_sentence(status, body):
    with answering(b"HTTP/1.0 %d X\r\n\r\n%s" % (status, body)) as endpoint:
        code, _, errors = command(endpoint, "meetings")
    assert (code, errors) == (
        1,
        f"Error: {endpoint} is not the endpoint of a chime-sandbox: correct AWS_ENDPOINT_URL or "
        "--endpoint, or unset it to use the emulator of this folder\n",
    )


def test_an_endpoint_that_speaks_no_http_is_refused_in_one_sentence():
    with answering(b"220 mail.example.org ESMTP\r\n") as endpoint:
        code, _, errors = command(endpoint, "meetings")
    assert (code, len(errors.splitlines())) == (1, 1)
    assert errors.startswith(f"Error: no sandbox answers at {endpoint}: ")


def test_an_endpoint_that_never_answers_is_reported_like_one_that_isnt_there(monkeypatch):
    monkeypatch.setattr(admin, "SLACK_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sandbox = Sandbox(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(SandboxError, match=r"no sandbox answers at .*: timed out"):
            sandbox.meetings()


def test_the_command_line_finds_the_sandbox_of_the_directory_by_itself(endpoint, new, tmp_path):
    new("ana")
    words = [sys.executable, "-m", "chime_sandbox", "admin"]
    environ = {n: v for n, v in os.environ.items() if n != "AWS_ENDPOINT_URL"}

    def there(*more):
        return subprocess.run(
            [*words, *more], capture_output=True, text=True, timeout=PATIENCE, check=False,
            cwd=tmp_path, env=environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    assert there("end", "--help").returncode == 0
    refused = there("meetings")
    assert refused.stderr == (
        "Error: no emulator runs in this folder: use `chime-sandbox up`, or give --endpoint\n"
    )
    (tmp_path / ".sandbox").mkdir()
    (tmp_path / ".sandbox" / "endpoint").write_text(f"{endpoint}\n")
    assert "keynote  alive" in there("meetings").stdout
