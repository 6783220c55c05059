"""The Pulumi package schema of the stand-in's types and functions, for programs in YAML.

Types and properties come from pulumi_aws's own classes, without their documentation.
Source: https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

import json
from functools import cache
from typing import Any, Final

from chime_sandbox.aws_plugin import VERSION
from chime_sandbox.aws_plugin.resources import SERVICES, of_service
from chime_sandbox.aws_plugin.schema import Schema

_ANY: Final = {"$ref": "pulumi.json#/Any"}
_TYPES: Final[dict[type, dict[str, Any]]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    dict: {"type": "object", "additionalProperties": {"type": "string"}},
    list: {"type": "array", "items": _ANY},
}
#: What each function returns, apart from an id.
_OUTPUTS: Final = {
    "getCallerIdentity": ("accountId", "arn", "userId"),
    "getPartition": ("dnsSuffix", "partition", "reverseDnsPrefix"),
    "getRegion": ("description", "endpoint", "name", "region"),
}


def _texts(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


@cache
def text() -> str:
    """The schema, as JSON."""
    settings = _texts("region", "profile")["properties"]
    schemas = [r.schema for service in SERVICES for r in of_service(service).values()]
    return json.dumps(
        {
            "name": "aws",
            "version": VERSION,
            # Programs may write `aws:sqs:Queue` for `aws:sqs/queue:Queue`.
            "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},
            "config": {"variables": settings},
            "provider": {"inputProperties": settings, "properties": settings},
            "resources": {schema.token: _resource(schema) for schema in schemas},
            "functions": {
                f"aws:index/{name}:{name}": {
                    "inputs": _texts("region"),
                    "outputs": _texts("id", *outputs) | {"required": ["id", *outputs]},
                }
                for name, outputs in _OUTPUTS.items()
            },
        }
    )


def _resource(schema: Schema) -> dict[str, Any]:
    return {
        "inputProperties": {
            name: _ANY if name in schema.documents else _TYPES.get(kind, _ANY)
            for name, kind in schema.inputs.items()
        },
        "requiredInputs": sorted(schema.required),
        "properties": {name: _TYPES.get(kind, _ANY) for name, kind in schema.outputs.items()},
    }
