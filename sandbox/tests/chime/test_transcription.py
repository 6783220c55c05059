"""Transcription of meetings: its settings, its events, and what Amazon Transcribe refuses."""

import json

import pytest

ENGINE = "EngineTranscribeSettings"
MEDICAL = "EngineTranscribeMedicalSettings"
ENGLISH = {ENGINE: {"LanguageCode": "en-US"}}
CARDIOLOGY = {
    "LanguageCode": "en-US",
    "Specialty": "CARDIOLOGY",
    "Type": "DICTATION",
    "Region": "us-east-1",
}


@pytest.fixture
def meeting_id(new):
    return new()["Meeting"]["MeetingId"]


@pytest.fixture
def start(chime, meeting_id):
    """Starts the meeting's transcription."""

    def transcribe(configuration):
        return chime.start_meeting_transcription(
            MeetingId=meeting_id, TranscriptionConfiguration=configuration
        )

    return transcribe


@pytest.fixture
def notified(clients, new):
    """A meeting with a queue, and what reads the details of its events of transcription."""
    sqs = clients("sqs")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:events"
    policy = {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "meetings.chime.amazonaws.com"},
            "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"],
            "Resource": arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        }
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    made = new(NotificationsConfiguration={"SqsQueueArn": arn})["Meeting"]

    def read(sandbox):
        sandbox.notifications()
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        details = [json.loads(each["Body"])["detail"] for each in messages]
        return [each for each in details if "Transcription" in each["eventType"]]

    return made["MeetingId"], read


def test_a_meeting_is_transcribed_until_that_is_stopped(chime, sandbox, meeting_id, start):
    answer = start(ENGLISH)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert sandbox.meetings()[0].transcription == ENGLISH
    assert chime.stop_meeting_transcription(MeetingId=meeting_id)["ResponseMetadata"][
        "HTTPStatusCode"
    ] == 200  # fmt: skip
    assert sandbox.meetings()[0].transcription is None


def test_a_second_start_changes_the_settings(sandbox, start):
    start(ENGLISH)
    start({MEDICAL: CARDIOLOGY})
    assert sandbox.meetings()[0].transcription == {MEDICAL: CARDIOLOGY}


def test_a_stop_without_a_start_changes_nothing(chime, sandbox, meeting_id):
    chime.stop_meeting_transcription(MeetingId=meeting_id)
    assert sandbox.meetings()[0].transcription is None


def test_a_meeting_that_has_ended_is_not_found(chime, sandbox, meeting_id, start):
    sandbox.end(meeting_id)
    with pytest.raises(chime.exceptions.NotFoundException):
        start(ENGLISH)
    with pytest.raises(chime.exceptions.NotFoundException):
        chime.stop_meeting_transcription(MeetingId=meeting_id)


@pytest.mark.parametrize("configuration", [{}, {**ENGLISH, MEDICAL: CARDIOLOGY}])
def test_there_is_one_engine(chime, start, configuration):
    with pytest.raises(chime.exceptions.BadRequestException, match="takes one of"):
        start(configuration)


def test_the_models_limits_hold(chime, start):
    settings = {"LanguageCode": "tlh", "LanguageModelName": "a b", "VocabularyName": "x" * 4097}
    with pytest.raises(chime.exceptions.ClientError, match="3 validation errors") as error:
        start({ENGINE: settings})
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_without_the_service_linked_role_it_is_forbidden(chime, sandbox, start):
    sandbox.settings(transcription_role="absent")
    with pytest.raises(
        chime.exceptions.ForbiddenException, match="AWSServiceRoleForAmazonChimeTranscription"
    ):
        start(ENGLISH)


IDENTIFY = {"IdentifyLanguage": True}
OPTIONS = IDENTIFY | {"LanguageOptions": "en-US,de-DE"}


@pytest.mark.parametrize(
    "settings",
    [
        {"LanguageCode": "de-DE", "VocabularyName": "names", "VocabularyFilterName": "rude"},
        {"LanguageCode": "de-DE", "ContentRedactionType": "PII", "PiiEntityTypes": "NAME, EMAIL"},
        IDENTIFY,
        OPTIONS | {"PreferredLanguage": "de-DE", "VocabularyNames": "names,places"},
    ],
)
def test_amazon_transcribe_takes_settings_that_fit(sandbox, start, settings):
    start({ENGINE: settings})
    assert sandbox.meetings()[0].transcription == {ENGINE: settings}
    assert sandbox.meetings()[0].transcription_failure is None


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "exactly one of LanguageCode and IdentifyLanguage"),
        (IDENTIFY | {"LanguageCode": "en-US"}, "exactly one of LanguageCode and IdentifyLanguage"),
        ({"LanguageCode": "en-US", "LanguageOptions": "en-US,de-DE"}, "needs IdentifyLanguage"),
        (IDENTIFY | {"LanguageOptions": "en-US"}, "two or more languages"),
        (IDENTIFY | {"LanguageOptions": "en-US,en-GB"}, "two dialects"),
        (IDENTIFY | {"LanguageOptions": "en-US,tlh"}, "unknown languages: tlh"),
        (OPTIONS | {"PreferredLanguage": "fr-FR"}, "must be one of LanguageOptions"),
        (IDENTIFY | {"PreferredLanguage": "en-US"}, "must be one of LanguageOptions"),
        (OPTIONS | {"LanguageModelName": "m"}, "can't be combined with LanguageModelName"),
        (OPTIONS | {"ContentRedactionType": "PII"}, "can't be combined with ContentRedactionType"),
        (OPTIONS | {"VocabularyName": "v"}, "VocabularyNames takes the place of VocabularyName"),
        ({"LanguageCode": "en-US", "VocabularyNames": "v"}, "VocabularyName takes the place of"),
        (
            {
                "LanguageCode": "en-US",
                "ContentRedactionType": "PII",
                "ContentIdentificationType": "PII",
            },
            "can't both be set",
        ),
        ({"LanguageCode": "en-US", "PiiEntityTypes": "NAME"}, "PiiEntityTypes needs"),
        (
            {"LanguageCode": "en-US", "ContentRedactionType": "PII", "PiiEntityTypes": "SHOE"},
            "unknown types: SHOE",
        ),
    ],
)
def test_what_amazon_transcribe_refuses_is_no_error_of_the_call(sandbox, start, settings, why):
    start(ENGLISH)
    start({ENGINE: settings})
    meeting = sandbox.meetings()[0]
    assert meeting.transcription is None
    assert why in meeting.transcription_failure


def test_a_setting_has_languages_named_where_they_are_identified(sandbox, start):
    sandbox.settings(language_options="required")
    start({ENGINE: IDENTIFY})
    assert sandbox.meetings()[0].transcription_failure == "IdentifyLanguage needs LanguageOptions"


@pytest.mark.parametrize(
    ("region", "transcribed"), [(None, False), ("auto", True), ("eu-central-1", True)]
)
def test_amazon_transcribe_is_not_in_every_media_region(chime, sandbox, new, region, transcribed):
    made = new(MediaRegion="eu-south-1")["Meeting"]
    settings = {"LanguageCode": "it-IT"} | ({"Region": region} if region else {})
    chime.start_meeting_transcription(
        MeetingId=made["MeetingId"], TranscriptionConfiguration={ENGINE: settings}
    )
    assert (sandbox.meetings()[0].transcription is not None) == transcribed


def test_events_say_when_transcription_starts_stops_and_fails(chime, sandbox, notified):
    meeting_id, read = notified
    for configuration in (ENGLISH, {ENGINE: {"LanguageCode": "de-DE", "Region": "us-east-1"}}):
        chime.start_meeting_transcription(
            MeetingId=meeting_id, TranscriptionConfiguration=configuration
        )
    chime.stop_meeting_transcription(MeetingId=meeting_id)
    chime.start_meeting_transcription(MeetingId=meeting_id, TranscriptionConfiguration={ENGINE: {}})
    started, changed, stopped, failed = read(sandbox)
    assert [each["eventType"] for each in (started, changed, stopped, failed)] == [
        "chime:TranscriptionStarted",
        "chime:TranscriptionStarted",
        "chime:TranscriptionStopped",
        "chime:TranscriptionFailed",
    ]
    assert json.loads(started["transcriptionConfiguration"]) == ENGLISH
    assert started["transcriptionRegion"] == "eu-central-1"
    assert changed["transcriptionRegion"] == stopped["transcriptionRegion"] == "us-east-1"
    assert "LanguageCode" in failed["message"]
    assert "message" not in started
