"""Houses whose programme is up, for what consumes it."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from support.house import House
from support.watching import Watch

# A browser is no requirement of the project: where it isn't there, its test isn't either.
_BROWSING = ("chromium", "node", "npm")
collect_ignore = (
    [] if all(map(shutil.which, _BROWSING)) else ["test_page.py", "test_page_states.py"]
)

PROGRAMME = """\
events:
  - name: keynote
    attendees: [{external_user_id: speaker-1}, {external_user_id: viewer-1}]
  - name: workshop
    attendees: [{external_user_id: speaker-2}]
  - name: panel
    media_region: eu-central-1
    attendees: [{external_user_id: speaker-3}]
  - name: clinic
    external_meeting_id: room-7
    attendees: [{external_user_id: doctor-1}]
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A checkout with four meetings, which are up."""
    with closing(House.build(tmp_path_factory.mktemp("consumers") / "house")) as built:
        built.programme = PROGRAMME
        selected = built.pulumi("stack", "select", "--create", "dev")
        assert selected.code == 0, selected.text
        _up(built)
        yield built


def _up(house: House) -> None:
    run = house.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    assert run.code == 0, run.text


@pytest.fixture
def watch(house: House) -> Iterator[Watch]:
    """A watcher that watches; the programme is as it was at first, and up."""
    house.cloud.clear_faults()
    if house.programme != PROGRAMME:
        house.programme = PROGRAMME
        _up(house)
    watch = Watch(house)
    watch.start()
    yield watch
    house.cloud.clear_faults()
    if watch.runs:
        watch.kill()


@pytest.fixture(scope="session")
def aws() -> Any:
    """boto3's client for a service at an endpoint: `aws("ssm", endpoint)`."""

    def client(service: str, endpoint: str) -> Any:
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=endpoint,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    return client
