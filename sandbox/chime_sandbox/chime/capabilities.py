"""Checks the rules for a meeting's features and its attendees' capabilities.

Source: the documentation of AttendeeCapabilities and of the features in the service model.
"""

from typing import Any

from .exceptions import BadRequest

Capabilities = dict[str, str]
RECEIVING = frozenset({"SendReceive", "Receive"})
HIGHEST_RESOLUTION = {"Video": "FHD", "Content": "UHD"}
MAX_ATTENDEES = 250
MAX_ATTENDEES_IN_HIGHEST_RESOLUTION = 25


def check_features(features: dict[str, Any]) -> None:
    """Raise BadRequest if the highest resolution is requested for too many attendees."""
    for media, highest in HIGHEST_RESOLUTION.items():
        if _resolution(features, media) == highest:
            count = attendee_limit(features)
            if count > MAX_ATTENDEES_IN_HIGHEST_RESOLUTION:
                raise BadRequest(
                    f"MeetingFeatures.{media}.MaxResolution {highest} needs a "
                    f"MeetingFeatures.Attendee.MaxCount of "
                    f"{MAX_ATTENDEES_IN_HIGHEST_RESOLUTION} or less, not {count}"
                )


def attendee_limit(features: dict[str, Any]) -> int:
    """How many attendees a meeting with these features can have."""
    count: int = features.get("Attendee", {}).get("MaxCount", MAX_ATTENDEES)
    return count


def check(capabilities: Capabilities, features: dict[str, Any]) -> None:
    """Raise BadRequest if an attendee of a meeting with these features can't have them."""
    if capabilities["Content"] in RECEIVING and capabilities["Video"] not in RECEIVING:
        raise BadRequest(
            f"Content {capabilities['Content']} needs Video SendReceive or Receive, "
            f"not {capabilities['Video']}"
        )
    for media in HIGHEST_RESOLUTION:
        if _resolution(features, media) == "None" and capabilities[media] != "None":
            raise BadRequest(
                f"{media} {capabilities[media]} isn't allowed: the meeting's "
                f"MeetingFeatures.{media}.MaxResolution is None"
            )


def default(features: dict[str, Any]) -> Capabilities:
    """The capabilities of an attendee for which none are requested."""
    video_off, content_off = (
        _resolution(features, media) == "None" for media in ("Video", "Content")
    )
    without_video = "None" if content_off else "Receive"
    return {
        "Audio": "SendReceive",
        "Video": without_video if video_off else "SendReceive",
        "Content": "None" if content_off else "SendReceive",
    }


def _resolution(features: dict[str, Any], media: str) -> str | None:
    resolution: str | None = features.get(media, {}).get("MaxResolution")
    return resolution
