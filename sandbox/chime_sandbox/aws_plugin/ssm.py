"""SSM: Parameter.

Sources: terraform-provider-aws `internal/service/ssm/parameter.go`; the limits are those of
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pulumi_aws.ssm import parameter

from chime_sandbox.aws_plugin.resource import Change, Naming, Resource, Rules
from chime_sandbox.aws_plugin.schema import CheckFailure, Schema

_VALUES: Final = ("value", "insecureValue", "valueWo")
_REQUEST: Final = {
    "allowedPattern": "AllowedPattern",
    "dataType": "DataType",
    "description": "Description",
    "tier": "Tier",
    "type": "Type",
}


class Parameter(Resource):
    """A parameter; its id is its name. Its value is secret, unless given as `insecureValue`."""

    service = "ssm"
    schema = Schema(parameter.Parameter, parameter.ParameterArgs)
    rules = Rules(
        replaces=frozenset({"name", "dataType"}),
        computed=frozenset({"arn", "dataType", "insecureValue", "keyId", "tier", "value"}),
        unreported=frozenset({"overwrite", "valueWoVersion"}),
        choices={
            "dataType": ("aws:ec2:image", "aws:ssm:integration", "text"),
            "tier": ("Standard", "Advanced", "Intelligent-Tiering"),
            "type": ("String", "StringList", "SecureString"),
        },
        secrets=frozenset({"value", "valueWo"}),
        renewed=frozenset({"version"}),
        write_only=frozenset({"valueWo"}),
        naming=Naming(r"[0-9A-Za-z_./-]{1,2048}"),
    )

    def failures(self, inputs: Mapping[str, Any]) -> Iterator[CheckFailure]:
        """Checks for one kind of value, the version of a write-only one, and names with slashes."""
        given = [name for name in _VALUES if name in inputs]
        if len(given) != 1:
            yield CheckFailure("value", f"exactly one of {', '.join(_VALUES)} must be given")
        if ("valueWo" in inputs) != ("valueWoVersion" in inputs):
            yield CheckFailure("valueWoVersion", "valueWo and valueWoVersion go together")
        if "insecureValue" in inputs and inputs.get("type") == "SecureString":
            yield CheckFailure("insecureValue", "a SecureString can't have an insecure value")
        if isinstance(path := inputs.get("name"), str) and path.find("/") > 0:
            yield CheckFailure("name", f"a name with a slash must begin with one, unlike {path!r}")
        for name in ("allowedPattern", "description"):
            if isinstance(text := inputs.get(name), str) and len(text) > 1024:
                yield CheckFailure(name, f"at most 1024 characters, not {len(text)}")

    def is_same(self, name: str, old: Any, new: Any, news: Mapping[str, Any]) -> bool:
        """With Intelligent-Tiering, SSM chooses the tier."""
        if name == "tier" and old and new == "Intelligent-Tiering":
            return True
        return super().is_same(name, old, new, news)

    def is_replacement(self, name: str, change: Change) -> bool:
        """An advanced parameter can't become a standard one."""
        if name == "tier":
            return (change.old, change.new) == ("Advanced", "Standard")
        return super().is_replacement(name, change)

    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """PutParameter; with `overwrite`, which excludes tags, also AddTagsToResource."""
        name, overwrite = str(inputs["name"]), bool(inputs.get("overwrite"))
        tags = inputs.get("tags", {})
        request = _request(inputs) | {"Value": _value(inputs), "Overwrite": overwrite}
        if tags and not overwrite:
            request["Tags"] = _tag_list(tags)
        client.put_parameter(Name=name, **request)
        if tags and overwrite:
            self.retag(client, name, tags, ())
        return name

    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """GetParameter, DescribeParameters and ListTagsForResource."""
        found = client.get_parameter(Name=identity, WithDecryption=True)["Parameter"]
        only = [{"Key": "Name", "Option": "Equals", "Values": [identity]}]
        detail = client.describe_parameters(ParameterFilters=only)["Parameters"][0]
        tags = client.list_tags_for_resource(ResourceType="Parameter", ResourceId=identity)
        write_only = bool(state.get("valueWoVersion"))
        kept_in = "insecureValue" if state.get("insecureValue") else "value"
        return {
            **{key: detail.get(name) for key, name in _REQUEST.items()},
            **({} if write_only else {kept_in: found["Value"]}),
            "arn": found["ARN"],
            "hasValueWo": write_only,
            "keyId": detail.get("KeyId"),
            "name": found["Name"],
            "region": found["ARN"].split(":")[3],
            "tags": {tag["Key"]: tag["Value"] for tag in tags.get("TagList", [])},
            "type": found["Type"],
            "version": found["Version"],
        }

    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, Change]
    ) -> None:
        """PutParameter. A write-only value without a new version keeps the service's value."""
        if not changes.keys() - {"overwrite", "tags", "tagsAll"}:
            return
        if "valueWo" in news and "valueWoVersion" not in changes:
            kept = client.get_parameter(Name=identity, WithDecryption=True)["Parameter"]["Value"]
            request = _request(news) | {"Value": kept}
        else:
            request = _request(news) | {"Value": _value(news)}
        for key in changes.keys() & {"description", "allowedPattern"}:
            request.setdefault(_REQUEST[key], "")
        client.put_parameter(Name=identity, Overwrite=news.get("overwrite", True), **request)

    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """DeleteParameter."""
        client.delete_parameter(Name=identity)

    def retag(
        self, client: Any, identity: str, tags: Mapping[str, str], removed: Iterable[str]
    ) -> None:
        """RemoveTagsFromResource and AddTagsToResource."""
        target = {"ResourceType": "Parameter", "ResourceId": identity}
        if gone := list(removed):
            client.remove_tags_from_resource(**target, TagKeys=gone)
        if tags:
            client.add_tags_to_resource(**target, Tags=_tag_list(tags))


def _request(inputs: Mapping[str, Any]) -> dict[str, Any]:
    request = {name: inputs[key] for key, name in _REQUEST.items() if inputs.get(key)}
    if inputs.get("keyId") and inputs["type"] == "SecureString":
        request["KeyId"] = inputs["keyId"]
    return request


def _value(inputs: Mapping[str, Any]) -> str:
    return str(next(inputs[name] for name in _VALUES if name in inputs))


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


RESOURCES: Final = (Parameter(),)
