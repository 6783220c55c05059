"""A meeting, by the SDK that `pulumi package add` generates."""

import pulumi
import pulumi_chime_meetings as chime

standup = chime.Meeting(
    "standup",
    attendees={
        "ann": {},
        "bob": {"capabilities": {"audio": "SendReceive", "video": "Receive", "content": "Receive"}},
    },
    meeting_features={"video": {"max_resolution": "HD"}},
    tags={"team": "blue"},
)

pulumi.export("id", standup.id)
pulumi.export("meeting", standup.join_data.apply(lambda data: data["Meeting"]))
pulumi.export("ann", standup.join_data.apply(lambda data: data["Attendees"]["ann"]))
