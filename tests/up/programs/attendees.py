"""One meeting, with what the environment names."""

import json
import os

import pulumi

from meeting_provider import Meeting

arguments = json.loads(os.environ["ARGUMENTS"])
for name in json.loads(os.environ.get("SECRET", "[]")):
    arguments[name] = pulumi.Output.secret(arguments[name])
meeting = Meeting("keynote", **arguments)
pulumi.export("join_data", meeting.join_data)
