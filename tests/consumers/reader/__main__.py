"""Says again which meetings the schedule's stack has."""

import pulumi

meetings = pulumi.StackReference(f"organization/meetings/{pulumi.get_stack()}")
pulumi.export("running", meetings.require_output("meeting_ids"))
