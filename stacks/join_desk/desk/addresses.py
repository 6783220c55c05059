"""The names of the desk's SSM parameters, which don't change when a meeting is replaced."""

from __future__ import annotations

import hashlib
import re
from typing import Final
from urllib.parse import quote

_ROOT: Final = "/meetings"

#: The ARN and the name of a parameter have at most 1,011 characters together.
LONGEST_SEGMENT: Final = 128
_DIGEST: Final = 32

#: The last segment of an event's own parameter. No attendee's id has this segment.
EVENT: Final = ".event"


def segment(text: str) -> str:
    """A text as one segment of a parameter's name and of a URL's path.

    Both allow letters, digits, `_`, `-` and `.`. Every other byte, and the dot itself, becomes a
    dot and two hexadecimal digits, so that no two texts have the same segment. The end of a long
    segment is replaced by `..` and a digest of the text.

    Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
    """
    unreserved = quote(text, safe="").replace(".", "%2E").replace("~", "%7E")
    whole = unreserved.replace("%", ".")
    if len(whole) <= LONGEST_SEGMENT:
        return whole
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    return f"{whole[: LONGEST_SEGMENT - _DIGEST - 2].rstrip('.')}..{digest}"


def attendee(stack: str, event: str, external_user_id: str) -> str:
    """The name of the parameter that has an attendee's current join information.

    :param stack: the stack of the meetings, without organization and project.
    :param event: the event's name, which all occurrences of a recurring event share.
    :param external_user_id: the attendee.
    """
    return within(stack, segment(event), segment(external_user_id))


def link_key(stack: str) -> str:
    """The name of the parameter that has the key for signing the stack's links."""
    return within(stack, "link-key")


def queue(stack: str) -> str:
    """The name of the parameter that names the queue of the watcher of the meetings' stack."""
    return within(stack, "queue")


def operator(stack: str) -> str:
    """The address that the operator's link is signed for. No parameter has this name."""
    return within(stack, "operator")


def text(segment: str) -> str:
    """The text of a segment; for a long one, its beginning and an ellipsis."""
    kept, _, digest = segment.partition("..")
    raw = re.sub(rb"\.([0-9A-F]{2})", lambda m: bytes.fromhex(m[1].decode()), kept.encode())
    # A shortened segment may end within a character.
    return raw.decode(errors="ignore") + ("…" if digest else "")


def within(stack: str, *segments: str) -> str:
    """The name of a parameter of a stack, from the segments of its path."""
    return "/".join((_ROOT, segment(stack), *segments))


def about(stack: str, event_segment: str) -> str:
    """The name of the parameter that describes an event and its times."""
    return within(stack, event_segment, EVENT)


def root(stack: str) -> str:
    """The common prefix of the names of a stack's parameters."""
    return within(stack)
