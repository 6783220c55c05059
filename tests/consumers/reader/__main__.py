"""Says again which meetings the programme's stack has."""

import pulumi

meetings = pulumi.StackReference(f"organization/meetings/{pulumi.get_stack()}")
pulumi.export("running", meetings.require_output("meeting_ids"))
