"""A dynamic resource that notes what is done to it, and can be made to wait.

A file found-NAME says how a read finds the thing: what is other than in the state, null where it is
gone, or "fail" where that can't be told. Only then is the read noted.
"""

import json
import pathlib
import time
import uuid

from pulumi import Output, ResourceOptions
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

LOG = pathlib.Path("log")


def _note(what: str, props: dict) -> None:
    with LOG.open("a") as log:
        log.write(f"{what} {props['name']}\n")
    gate = pathlib.Path(f"gate-{what}-{props['name']}")
    while gate.exists():
        time.sleep(0.02)


def _marked(props: dict) -> dict:
    return {**props, "mark": f"{props['name']}-{props.get('kind')}"}


def _asked(props: dict) -> dict:
    return {name: value for name, value in props.items() if name != "mark"}


class ThingProvider(ResourceProvider):
    serialize_as_secret_always = False

    def configure(self, req):
        self.mood = req.config.get("mood")

    def diff(self, _id, olds, news):
        changed = [key for key in ("kind", "size", "of") if olds.get(key) != news.get(key)]
        first = news.get("first", False)
        replaces = [key for key in changed if key != "size"]
        says = {"nothing": None, "no": False}.get(news.get("says"), bool(changed))
        return DiffResult(says, replaces, delete_before_replace=first)

    def create(self, props):
        _note("create", props)
        if props.get("fail"):
            raise RuntimeError(f"no {props['name']} today")
        mood = {"mood": self.mood} if self.mood else {}
        return CreateResult(uuid.uuid4().hex, {**_marked(props), **mood})

    def read(self, id_, props):
        found = pathlib.Path(f"found-{props['name']}")
        if not found.exists():
            return ReadResult(id_, props)
        _note("read", props)
        told = json.loads(found.read_text())
        if told is None:
            return ReadResult("", {})
        if told.get("fail"):
            raise RuntimeError(f"no word of {props['name']} today")
        return ReadResult(id_, {**props, **told}, {**_asked(props), **told})

    def update(self, _id, _olds, news):
        _note("update", news)
        return UpdateResult(_marked(news))

    def delete(self, _id, props):
        _note("delete", props)


class Thing(Resource, module="thing", name="Thing"):
    mark: Output[str]

    def __init__(self, name: str, props: dict, opts: ResourceOptions) -> None:
        super().__init__(ThingProvider(), name, {**props, "name": name, "mark": None}, opts)
