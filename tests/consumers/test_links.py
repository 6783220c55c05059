"""A link and an address belong to one attendee of one meeting, and to nobody else."""

import re
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk import addresses, links

KEY = "key"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)


@given(TEXT)
def test_a_segment_has_what_ssm_takes_and_reads_back_as_its_text(text: str) -> None:
    """Unless it is long: then it ends with a digest."""
    segment = addresses.segment(text)
    assert re.fullmatch(r"[a-zA-Z0-9_.-]+", segment)
    assert segment not in {".", ".."}
    assert ".." in segment or unquote(segment.replace(".", "%")) == text


@pytest.mark.parametrize("letter", ["é", "語", "🎈", "."])
def test_a_name_of_64_characters_fits_a_file_name_and_a_parameter(letter: str) -> None:
    """A file name has 255 bytes, with what is added to it, and a parameter's ARN 1,011."""
    name, other = letter * 64, letter * 63 + "x"
    segment = addresses.segment(name)
    assert len(segment) <= addresses.LONGEST_SEGMENT
    assert segment != addresses.segment(other)
    assert len(addresses.attendee(letter * 100, name, name)) < 900


def test_an_events_own_parameter_is_no_attendees() -> None:
    """No id has its segment."""
    about = addresses.about("dev", "keynote")
    assert about == "/meetings/dev/keynote/.event"
    assert about != addresses.attendee("dev", "keynote", ".event")


@given(st.tuples(TEXT, TEXT, TEXT), st.tuples(TEXT, TEXT, TEXT))
def test_no_two_attendees_have_the_same_address(one, another) -> None:
    assert (addresses.attendee(*one) == addresses.attendee(*another)) is (one == another)


def test_an_address_stays_as_it_is_written_here() -> None:
    assert addresses.attendee("dev", "keynote", "ann@example.org") == (
        "/meetings/dev/keynote/ann.40example.2Eorg"
    )
    assert addresses.attendee("dev", "a/b", "speaker-1") == "/meetings/dev/a.2Fb/speaker-1"
    assert addresses.link_key("dev") == "/meetings/dev/link-key"


@given(TEXT)
def test_only_the_right_signature_opens_an_address(guess: str) -> None:
    address = addresses.attendee("dev", "keynote", "ann")
    right = links.sign(KEY, address)
    assert links.opens(KEY, address, right)
    assert not links.opens(KEY, address, guess)
    assert not links.opens(f"{KEY}{guess}", address, right)
    assert not links.opens(KEY, addresses.attendee("dev", "keynote", f"ann{guess}"), right)


def test_a_signature_is_as_long_as_its_hash_and_fits_a_url() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", links.sign(KEY, "/meetings/dev/keynote/ann"))


def test_a_link_leads_to_the_desk_with_the_signature_of_its_address() -> None:
    link = links.link("https://desk.example", KEY, "dev", "keynote", "ann@example.org")
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc) == ("https", "desk.example")
    assert parts.path == "/join/keynote/ann.40example.2Eorg"
    address = addresses.attendee("dev", "keynote", "ann@example.org")
    assert parts.query == f"signature={links.sign(KEY, address)}"


@pytest.mark.parametrize(
    "url", ["https://desk.example", "http://127.0.0.1:8047/", "https://x/desk"]
)
def test_a_base_url_and_a_key_are_taken(url: str) -> None:
    assert links.problems(url, "key") == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "desk.example",
        "javascript:alert(1)",
        "https://",
        "https://x?a=b",
        "https://x#y",
        "http://[",
    ],
)
def test_another_base_url_and_an_empty_key_are_errors(url: str) -> None:
    """All at once. The key isn't quoted."""
    problem, empty = links.problems(url, " ")
    assert problem == f"base_url: '{url}' is not an http or https address without a query"
    assert empty == "link_key: is empty, so that anybody could sign links"
