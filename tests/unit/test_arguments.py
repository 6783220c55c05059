"""An argument is the same wherever it stands: signature, types, model, schedule."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from pydantic import BaseModel
from support.meetings import properties

from meeting_provider import Meeting, diff, meeting, models, schedule
from meeting_provider.models import MeetingInput
from meeting_provider.shapes import Argument, arguments

FIELDS = set(MeetingInput.model_fields)
SIGNATURE = inspect.signature(Meeting.__init__).parameters

TYPES: list[tuple[Any, type[BaseModel], set[str]]] = [
    (meeting.AttendeeArgs, models.AttendeeInput, set()),
    (meeting.AttendeeSettingsArgs, models.AttendeeInput, {"external_user_id"}),
    (meeting.CapabilitiesArgs, models.Capabilities, set()),
    (meeting.NotificationsConfigurationArgs, models.NotificationsConfiguration, set()),
    (meeting.MeetingFeaturesArgs, models.MeetingFeatures, set()),
    (meeting.AudioFeaturesArgs, models.AudioFeatures, set()),
    (meeting.ResolutionFeaturesArgs, models.VideoFeatures, set()),
    (meeting.ResolutionFeaturesArgs, models.ContentFeatures, set()),
    (meeting.AttendeeFeaturesArgs, models.AttendeeFeatures, set()),
]


def test_the_signature_has_the_fields_of_the_model():
    assert set(SIGNATURE) - {"self", "name", "opts"} == FIELDS


def test_the_docstring_describes_each_parameter_in_the_signatures_order():
    described = re.findall(r":param (\w+):", inspect.getdoc(Meeting.__init__) or "")
    assert described == [name for name in SIGNATURE if name != "self"]


def test_the_schedule_takes_the_fields_of_the_model():
    assert set(schedule.ARGUMENTS) == FIELDS


@pytest.mark.parametrize(("typed", "model", "less"), TYPES, ids=str)
def test_the_types_have_the_fields_of_their_models(
    typed: Any, model: type[BaseModel], less: set[str]
):
    required = {n for n, field in model.model_fields.items() if field.is_required()}
    assert typed.__annotations__.keys() == model.model_fields.keys() - less
    assert typed.__required_keys__ == required - less


def test_a_change_replaces_the_meeting_where_the_fields_metadata_says_so():
    in_place = {n for n in FIELDS if not diff.replacing([n])}
    assert in_place == set(arguments(MeetingInput, Argument.IN_PLACE))
    assert diff.differing(properties("ana"), {}) == [
        n for n in MeetingInput.model_fields if n in properties("ana")
    ]
