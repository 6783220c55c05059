"""The names of the desk's SSM parameters, which don't change when a meeting is replaced."""

from __future__ import annotations

import hashlib
import re
from typing import Final
from urllib.parse import quote

_ROOT: Final = "/meetings"

#: A file name has at most 255 bytes, and a parameter's name and ARN 1,011 characters in all.
LONGEST_SEGMENT: Final = 128
_DIGEST: Final = 32

#: The last segment of an event's own parameter. No attendee's id has this segment.
EVENT: Final = ".event"


def segment(text: str) -> str:
    """A text as one segment of a parameter's name, of a URL's path and of a file name.

    All of them take letters, digits, `_`, `-` and `.`. Every other byte, and the dot itself,
    becomes a dot and two hexadecimal digits, so that no two texts have the same segment. The end
    of a long one is replaced by `..` and a digest of the text.

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
    :param event: the event's name. All occurrences of a recurring event have the same one.
    :param external_user_id: the attendee.
    """
    return within(stack, segment(event), segment(external_user_id))


def link_key(stack: str) -> str:
    """The name of the parameter that has the key which the stack's join links are signed with."""
    return within(stack, "link-key")


def queue(stack: str) -> str:
    """The name of the parameter that says which queue the watcher of the meetings' stack reads."""
    return within(stack, "queue")


def operator(stack: str) -> str:
    """What the operator's link is signed for. No parameter has this name."""
    return within(stack, "operator")


def text(segment: str) -> str:
    """The text that a segment was made of; of a long one the beginning, with an ellipsis."""
    kept, _, digest = segment.partition("..")
    raw = re.sub(rb"\.([0-9A-F]{2})", lambda m: bytes.fromhex(m[1].decode()), kept.encode())
    # The end may be a part of a character.
    return raw.decode(errors="ignore") + ("…" if digest else "")


def within(stack: str, *segments: str) -> str:
    """The name of a parameter of a stack, from what `segment` returned."""
    return "/".join((_ROOT, segment(stack), *segments))


def about(stack: str, event_segment: str) -> str:
    """The name of the parameter that says what an event is, and when it takes place."""
    return within(stack, event_segment, EVENT)


def root(stack: str) -> str:
    """What the names of all parameters of a stack begin with."""
    return within(stack)
