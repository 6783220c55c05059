"""Declares the things of things.json: {name: {props, options, after, parent}}."""

import json
import os
import pathlib

import pulumi
from thing import Thing

made: dict[str, pulumi.Resource] = {}
for name, told in json.loads(pathlib.Path("things.json").read_text()).items():
    if told.get("component"):
        made[name] = pulumi.ComponentResource("things:index:Group", name)
        continue
    options = pulumi.ResourceOptions(
        **told.get("options", {}),
        depends_on=[made[other] for other in told.get("after", [])],
        parent=made.get(told.get("parent", "")),
    )
    props = dict(told.get("props", {}))
    if "of" in told:
        props["of"] = made[told["of"]].mark  # type: ignore[attr-defined]
    made[name] = Thing(name, props, options)
    if name in told.get("exports", [name]):
        pulumi.export(name, made[name].mark)  # type: ignore[attr-defined]
if os.environ.get("THINGS_FAIL"):
    raise ValueError("the program gave up")
print("a word on standard output")
