"""The objects that media pipelines write to their buckets.

There is no media: each kind of artifact is one object of a few bytes. The service writes an object
for every five seconds. Every attendee counts as having sent video and shared content.

Sources: https://docs.aws.amazon.com/chime-sdk/latest/dg/capture-folder-structure.html and
configure-audio, configure-video, meeting-events, transcription-messages, concat-folder-structure
in the same guide.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

#: A minimal first box of an MP4 file.
MP4: Final = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
TEXT: Final = b"{}\n"

#: The default ArtifactsConfiguration. Source: the announcement of media capture pipelines,
#: https://aws.amazon.com/blogs/business-productivity/capture-amazon-chime-sdk-meetings-using-media-capture-pipelines/
DEFAULT: Final = {
    "Audio": {"MuxType": "AudioWithActiveSpeakerVideo"},
    "Video": {"State": "Disabled"},
    "Content": {"State": "Enabled", "MuxType": "ContentOnly"},
}

#: The folder of each kind of artifact in a concatenation. Content is in the folder of video.
FOLDERS: Final = {
    "Audio": "audio",
    "Video": "video",
    "Content": "video",
    "DataChannel": "data-channel",
    "TranscriptionMessages": "transcription-messages",
    "MeetingEvents": "meeting-events",
    "CompositedVideo": "composited-video",
}


def captured(
    configuration: dict[str, Any],
    started_at: float,
    attendee_ids: Iterable[str],
    *,
    transcribed: bool,
) -> Iterator[str]:
    """The keys of a capture's artifacts, relative to its folder.

    :param configuration: its ArtifactsConfiguration.
    :param started_at: when it started, in seconds since the epoch.
    :param attendee_ids: the attendees of the selected video streams.
    :param transcribed: whether the meeting was transcribed.
    """
    stamp = timestamp(started_at)
    yield f"audio/{stamp}.mp4"
    for attendee_id in attendee_ids:
        if configuration["Video"]["State"] == "Enabled":
            yield f"video/{stamp}-{attendee_id}.mp4"
        if configuration["Content"]["State"] == "Enabled":
            yield f"video/{stamp}-{attendee_id}#content.mp4"
    if "CompositedVideo" in configuration:
        yield f"composited-video/{stamp}.mp4"
    yield f"meeting-events/{stamp}.txt"
    if transcribed:
        yield f"transcription-messages/{stamp}.txt"


def concatenated(
    configuration: dict[str, Any], pipeline_id: str, source_keys: Iterable[str]
) -> Iterator[str]:
    """The keys of a concatenation's files, relative to its folder: one for each kind with input.

    :param configuration: its ArtifactsConfiguration.
    :param pipeline_id: its own id, which is part of the files' names.
    :param source_keys: the keys of the capture's artifacts, relative to the capture's folder.
    """
    kinds = {key.partition("/")[0] for key in source_keys}
    wanted = (FOLDERS[kind] for kind, each in configuration.items() if each["State"] == "Enabled")
    for folder in sorted(kinds.intersection(wanted)):
        suffix = "mp4" if folder in ("audio", "video", "composited-video") else "txt"
        yield f"{folder}/{pipeline_id}.{suffix}"


def content(key: str) -> bytes:
    """The content of an artifact: a few bytes."""
    return MP4 if key.endswith(".mp4") else TEXT


def timestamp(seconds: float) -> str:
    """The start time in a file's name, in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%d-%H-%M-%S}-{moment.microsecond // 1000:03d}"
