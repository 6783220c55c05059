"""The live transcription of a meeting, with the limits of StartMeetingTranscription.

Source: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_meeting-chime_StartMeetingTranscription.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from meeting_provider.issues import ValidationIssue
from meeting_provider.shapes import Shape, text

Language = Literal[
    "en-US", "en-GB", "es-US", "fr-CA", "fr-FR", "en-AU", "it-IT", "de-DE", "pt-BR", "ja-JP",
    "ko-KR", "zh-CN", "th-TH", "hi-IN",
]  # fmt: skip


class EngineTranscribeSettings(Shape):
    """The settings of Amazon Transcribe. Lists are comma-separated strings, as in the API."""

    language_code: Language | None = None
    identify_language: Annotated[bool, Field(strict=True)] | None = None
    language_options: Annotated[str, text(1, 200, r"^[a-zA-Z\-,]+\Z")] | None = None
    preferred_language: Language | None = None
    vocabulary_name: Annotated[str, text(1, 4096)] | None = None
    vocabulary_names: Annotated[str, text(1, 3000, r"^[a-zA-Z0-9,\-._]+\Z")] | None = None
    vocabulary_filter_name: Annotated[str, text(1, 4096)] | None = None
    vocabulary_filter_names: Annotated[str, text(1, 3000, r"^[a-zA-Z0-9,\-._]+\Z")] | None = None
    vocabulary_filter_method: Literal["remove", "mask", "tag"] | None = None
    language_model_name: Annotated[str, text(1, 200, r"^[0-9a-zA-Z._\-]+\Z")] | None = None
    region: (
        Literal[
            "us-east-2", "us-east-1", "us-west-2", "ap-northeast-2", "ap-southeast-2",
            "ap-northeast-1", "ca-central-1", "eu-central-1", "eu-west-1", "eu-west-2",
            "sa-east-1", "us-gov-west-1", "auto",
        ]
        | None
    ) = None  # fmt: skip
    enable_partial_results_stabilization: Annotated[bool, Field(strict=True)] | None = None
    partial_results_stability: Literal["low", "medium", "high"] | None = None
    content_identification_type: Literal["PII"] | None = None
    content_redaction_type: Literal["PII"] | None = None
    pii_entity_types: Annotated[str, text(1, 300, r"^[A-Z_, ]+\Z")] | None = None


class EngineTranscribeMedicalSettings(Shape):
    """The settings of Amazon Transcribe Medical."""

    language_code: Literal["en-US"]
    specialty: Literal["PRIMARYCARE", "CARDIOLOGY", "NEUROLOGY", "ONCOLOGY", "RADIOLOGY", "UROLOGY"]
    type: Literal["CONVERSATION", "DICTATION"]
    vocabulary_name: Annotated[str, text(1, 4096)] | None = None
    region: (
        Literal[
            "us-east-1", "us-east-2", "us-west-2", "ap-southeast-2", "ca-central-1", "eu-west-1",
            "auto",
        ]
        | None
    ) = None  # fmt: skip
    content_identification_type: Literal["PHI"] | None = None


class Transcription(Shape):
    """How the meeting is transcribed (TranscriptionConfiguration): settings of one engine."""

    engine_transcribe_settings: EngineTranscribeSettings | None = None
    engine_transcribe_medical_settings: EngineTranscribeMedicalSettings | None = None


def contradictions(transcription: object) -> Iterator[ValidationIssue]:
    """The combinations that Amazon Transcribe rejects. The service reports them only in an event.

    Source: https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_StartStreamTranscription.html
    """
    if not isinstance(transcription, Mapping):
        return
    engines = ("engine_transcribe_settings", "engine_transcribe_medical_settings")
    if sum(transcription.get(engine) is not None for engine in engines) != 1:
        yield ValidationIssue(("transcription",), f"needs exactly one of {' and '.join(engines)}")
    settings = transcription.get(engines[0])
    if not isinstance(settings, Mapping):
        return
    path = ("transcription", engines[0])
    given = {n for n, v in settings.items() if v not in (None, False)}
    if len(given & {"language_code", "identify_language"}) != 1:
        yield ValidationIssue(path, "needs either language_code or identify_language")
    if len(given & {"content_identification_type", "content_redaction_type"}) > 1:
        problem = "can't be set together with content_identification_type"
        yield ValidationIssue((*path, "content_redaction_type"), problem)
    needs = {
        "identify_language": ("language_options",),
        "language_options": ("identify_language",),
        "preferred_language": ("identify_language",),
        "partial_results_stability": ("enable_partial_results_stabilization",),
        "pii_entity_types": ("content_identification_type", "content_redaction_type"),
        "vocabulary_filter_method": ("vocabulary_filter_name", "vocabulary_filter_names"),
    }
    for name, others in needs.items():
        if name in given and not given & {*others}:
            yield ValidationIssue((*path, name), f"needs {' or '.join(others)}")
