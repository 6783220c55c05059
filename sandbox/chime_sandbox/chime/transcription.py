"""Finds the combinations of engine settings that Amazon Transcribe rejects.

The service model has constraints only for single settings. StartMeetingTranscription succeeds with
any combination, and an event reports those that Amazon Transcribe rejects. Source: the
documentation of StartMeetingTranscription and of EngineTranscribeSettings in the service model.
"""

from collections.abc import Iterator
from typing import Any, Final

from .serialization import service_model

ENGINE: Final = "EngineTranscribeSettings"

#: Source: the documentation of PiiEntityTypes.
PII: Final = frozenset(
    {
        *("ADDRESS", "ALL", "BANK_ACCOUNT_NUMBER", "BANK_ROUTING", "CREDIT_DEBIT_CVV"),
        *("CREDIT_DEBIT_EXPIRY", "CREDIT_DEBIT_NUMBER", "EMAIL", "NAME", "PHONE", "PIN", "SSN"),
    }
)
#: Settings for a given language, each with its counterpart for IdentifyLanguage.
NAMES: Final = {
    "VocabularyName": "VocabularyNames",
    "VocabularyFilterName": "VocabularyFilterNames",
}


def region(configuration: dict[str, Any], media_region: str) -> str:
    """The region of the transcription; `auto` means a region near the meeting."""
    (settings,) = configuration.values()
    asked = str(settings.get("Region") or media_region)
    return media_region if asked == "auto" else asked


def failure(
    configuration: dict[str, Any], media_region: str, *, options_required: bool
) -> str | None:
    """Why Amazon Transcribe rejects the settings, or None.

    :param configuration: a TranscriptionConfiguration with one engine.
    :param media_region: the MediaRegion of the meeting.
    :param options_required: whether IdentifyLanguage needs LanguageOptions.
    """
    ((engine, settings),) = configuration.items()
    failures = list(_regions(engine, settings, media_region))
    if engine == ENGINE:
        failures += _languages(settings, options_required=options_required)
        failures += _names(settings)
        failures += _pii(settings)
    return "; ".join(failures) or None


def _regions(engine: str, settings: dict[str, Any], media_region: str) -> Iterator[str]:
    shape = "TranscribeRegion" if engine == ENGINE else "TranscribeMedicalRegion"
    available = service_model().shape_for(shape).metadata["enum"]
    if settings.get("Region") is None and media_region not in available:
        yield f"Amazon Transcribe is not available in {media_region}; set Region"


def _languages(settings: dict[str, Any], *, options_required: bool) -> Iterator[str]:
    identify, options = settings.get("IdentifyLanguage"), settings.get("LanguageOptions")
    if bool(identify) == ("LanguageCode" in settings):
        yield "exactly one of LanguageCode and IdentifyLanguage must be set"
    if identify and options_required and not options:
        yield "IdentifyLanguage needs LanguageOptions"
    if options and not identify:
        yield "LanguageOptions needs IdentifyLanguage"
    codes = options.split(",") if options else []
    unknown = set(codes) - set(service_model().shape_for("TranscribeLanguageCode").metadata["enum"])
    if unknown:
        yield f"LanguageOptions has unknown languages: {', '.join(sorted(unknown))}"
    if len(codes) == 1:
        yield "LanguageOptions needs two or more languages"
    if len({code.partition("-")[0] for code in codes}) < len(codes):
        yield "LanguageOptions has two dialects of one language"
    preferred = settings.get("PreferredLanguage")
    if preferred and not (identify and preferred in codes):
        yield "PreferredLanguage must be one of LanguageOptions"
    for name in ("LanguageModelName", "ContentRedactionType"):
        if identify and settings.get(name):
            yield f"IdentifyLanguage can't be combined with {name}"


def _names(settings: dict[str, Any]) -> Iterator[str]:
    for one, several in NAMES.items():
        if settings.get("IdentifyLanguage") and settings.get(one):
            yield f"with IdentifyLanguage, {several} takes the place of {one}"
        if not settings.get("IdentifyLanguage") and settings.get(several):
            yield f"without IdentifyLanguage, {one} takes the place of {several}"


def _pii(settings: dict[str, Any]) -> Iterator[str]:
    kinds = [
        name for name in ("ContentIdentificationType", "ContentRedactionType") if name in settings
    ]
    if len(kinds) > 1:
        yield "ContentIdentificationType and ContentRedactionType can't both be set"
    if settings.get("PiiEntityTypes"):
        if not kinds:
            yield "PiiEntityTypes needs ContentIdentificationType or ContentRedactionType"
        unknown = {each.strip() for each in settings["PiiEntityTypes"].split(",")} - PII
        if unknown:
            yield f"PiiEntityTypes has unknown types: {', '.join(sorted(unknown))}"
