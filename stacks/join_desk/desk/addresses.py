"""Where an attendee's join information is kept: a path that outlives the meeting."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

_ROOT: Final = "/meetings"


def segment(text: str) -> str:
    """A text as one segment of a parameter's name, of a URL's path and of a file's.

    All of them take letters, digits, `_`, `-` and `.`. Every other byte, and the dot itself,
    becomes a dot and two hexadecimal digits, so that no two texts have the same segment.

    Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
    """
    unreserved = quote(text, safe="").replace(".", "%2E").replace("~", "%7E")
    return unreserved.replace("%", ".")


def attendee(stack: str, meeting: str, external_user_id: str) -> str:
    """The name of the parameter that has an attendee's current join information.

    Args:
        stack: the stack of the meetings, without organization and project.
        meeting: the meeting's key in the stack's output `join_data`.
        external_user_id: the attendee.
    """
    return within(stack, segment(meeting), segment(external_user_id))


def link_key(stack: str) -> str:
    """The name of the parameter that has the key which the stack's join links are signed with."""
    return within(stack, "link-key")


def within(stack: str, *segments: str) -> str:
    """The name of a parameter of a stack, from segments that are made already."""
    return "/".join((_ROOT, segment(stack), *segments))
