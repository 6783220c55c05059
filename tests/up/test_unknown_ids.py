"""Attendees whose ids are not known before another resource exists."""

from __future__ import annotations

from support.checkout import Checkout

PROGRAM = """\
import pulumi

from meeting_provider import Meeting

first = Meeting("first", attendees=[{"external_user_id": "ann"}])
second = Meeting("second", attendees=[{"external_user_id": first.id}])
pulumi.export("attendees", second.attendees)
"""


def test_a_list_with_an_unknown_id_is_previewed_and_created(checkout: Checkout) -> None:
    (checkout.root / "__main__.py").write_text(PROGRAM)
    assert checkout.pulumi("stack", "init", "dev").code == 0

    preview = checkout.pulumi("preview", "--stack", "dev")
    assert preview.code == 0, preview.text
    up = checkout.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    assert up.code == 0, up.text

    live = {m.external_meeting_id: m for m in checkout.cloud.live()}
    assert live["second"].external_user_ids == [live["first"].meeting_id]
    assert checkout.outputs()["attendees"] == {live["first"].meeting_id: {}}
