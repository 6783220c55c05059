"""Settings for behaviour that nobody has verified against the live service, and for its quotas."""

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from math import inf
from typing import Any, get_type_hints


class EndedToken(StrEnum):
    """The result of a create with the ClientRequestToken of a meeting that has ended."""

    DEAD = "dead"
    NEW = "new"


class RepeatedAttendees(StrEnum):
    """Which attendees a repeated CreateMeetingWithAttendees answers with."""

    ORIGINAL = "original"
    NONE = "none"


class ChangedParameters(StrEnum):
    """The result of a create with a known ClientRequestToken and other parameters."""

    ORIGINAL = "original"
    CONFLICT = "conflict"


class Overflow(StrEnum):
    """The error of a batch that exceeds a meeting's limit of attendees."""

    CALL = "call"
    ITEM = "item"


class SourceArn(StrEnum):
    """The `aws:SourceArn` of notifications: the meeting's ARN, or an ARN without a region."""

    REGIONAL = "regional"
    GLOBAL = "global"


class EndedPipelines(StrEnum):
    """The result of reading a media pipeline that has stopped or failed."""

    STOPPED = "stopped"
    GONE = "gone"


class MissingSource(StrEnum):
    """The error of a create whose source, a meeting or a media pipeline, doesn't exist.

    The service model has no NotFoundException for it.
    """

    BAD_REQUEST = "bad_request"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"


class BucketPolicy(StrEnum):
    """When a bucket's policy is checked: also at the create, or only when artifacts are written."""

    CREATE = "create"
    WRITE = "write"


class BucketRegion(StrEnum):
    """Where a bucket for artifacts may be: in a region of the meeting, or in any media region."""

    MEETING = "meeting"
    ANY = "any"


class LanguageOptions(StrEnum):
    """Whether IdentifyLanguage needs LanguageOptions."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class ServiceRole(StrEnum):
    """Whether the account has a service-linked role."""

    PRESENT = "present"
    ABSENT = "absent"


@dataclass
class Settings:
    """The settings of `/_sandbox/settings`. The README describes them."""

    ended_token: EndedToken = EndedToken.DEAD
    repeated_attendees: RepeatedAttendees = RepeatedAttendees.ORIGINAL
    changed_parameters: ChangedParameters = ChangedParameters.ORIGINAL
    attendee_overflow: Overflow = Overflow.CALL
    source_arn: SourceArn = SourceArn.REGIONAL
    read_join_tokens: bool = True
    meetings_per_account: int = 250
    ended_pipelines: EndedPipelines = EndedPipelines.STOPPED
    missing_source: MissingSource = MissingSource.BAD_REQUEST
    bucket_policy: BucketPolicy = BucketPolicy.CREATE
    bucket_region: BucketRegion = BucketRegion.MEETING
    media_pipelines_role: ServiceRole = ServiceRole.PRESENT
    transcription_role: ServiceRole = ServiceRole.PRESENT
    language_options: LanguageOptions = LanguageOptions.OPTIONAL
    media_pipelines_in_us_east_1: int = 100
    media_pipelines_in_other_regions: int = 10
    media_pipeline_seconds: float = 2.0
    latency: float = 0.0

    def update(self, **changes: Any) -> None:
        """Change some settings. Raises ValueError for an unknown setting or value."""
        kinds = get_type_hints(Settings)
        unknown = set(changes) - {field.name for field in fields(self)}
        if unknown:
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
        settings = {name: _setting(kinds[name], value) for name, value in changes.items()}
        for name, setting in settings.items():
            setattr(self, name, setting)

    def reset(self) -> None:
        """Set every setting to its default."""
        vars(self).update(vars(Settings()))

    def as_dict(self) -> dict[str, Any]:
        """Every setting and its value."""
        return asdict(self)


def _setting(kind: Any, value: Any) -> Any:
    if kind is bool and not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    setting = kind(value)
    if not isinstance(setting, str) and not 0 <= setting < inf:
        raise ValueError(f"{value!r} is not a number of at least 0")
    return setting
