"""Creates join links, which are signed so that nobody can guess another attendee's link."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlsplit

from desk import addresses


def link(base_url: str, key: str, stack: str, event: str, external_user_id: str) -> str:
    """An attendee's join link, which stays the same as long as the key does.

    It is a credential: anybody who has it can join as this attendee.

    :param base_url: the desk's public URL.
    :param key: the key that signs the stack's links.
    :param stack: the stack of the meetings.
    :param event: the event's name, which all occurrences of a recurring event share.
    :param external_user_id: the attendee.
    """
    signature = sign(key, addresses.attendee(stack, event, external_user_id))
    path = f"{addresses.segment(event)}/{addresses.segment(external_user_id)}"
    return f"{base_url.rstrip('/')}/join/{path}?signature={signature}"


def operator(base_url: str, key: str, stack: str) -> str:
    """The link to the operator's page.

    It is a credential: the page has the join links of all attendees.

    :param base_url: the desk's public URL.
    :param key: the key that signs the stack's links.
    :param stack: the stack of the meetings.
    """
    return f"{base_url.rstrip('/')}/operator?signature={sign(key, addresses.operator(stack))}"


def problems(base_url: str, key: str) -> list[str]:
    """What is wrong with the settings that links are made of, a sentence each."""
    found = []
    try:
        url = urlsplit(base_url)
        is_usable = url.scheme in ("http", "https") and bool(url.hostname)
    except ValueError:
        is_usable = False
    if not is_usable or "?" in base_url or "#" in base_url:
        found.append(f"base_url: '{base_url}' is not an http or https address without a query")
    if not key.strip():
        found.append("link_key: is empty, so that anybody could sign links")
    return found


def sign(key: str, address: str) -> str:
    """The signature that opens an address: HMAC-SHA256 with the key's hash, in URL-safe base64."""
    # HMAC pads short keys with zeros, so that two keys could be equivalent. Their hashes can't be.
    hashed = hashlib.sha256(key.encode()).digest()
    digest = hmac.digest(hashed, address.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def opens(key: str, address: str, signature: str) -> bool:
    """Whether a signature opens an address, compared in constant time."""
    return hmac.compare_digest(sign(key, address).encode(), signature.encode())
