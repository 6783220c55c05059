"""A `pulumi-resource-aws` for the sandbox, with a few AWS types.

Goals: if the real plugin isn't installed, the unmodified pulumi_aws SDK works against a loopback
endpoint, with the names, inputs, outputs, defaults, diffs and replacements of the real plugin, so
that a stack looks the same with either. Types and properties come from pulumi_aws's own classes.

Limitations: it has only the types in each module's `RESOURCES`, and `functions.FUNCTIONS`. It
refuses any other type or function, any unsupported setting (default tags, assumed roles, ...), and
any endpoint that isn't on the loopback, in one sentence that names the real plugin. The seven hex
digits of a generated name come from the engine's random seed, but are not those of the real plugin.
It doesn't wait for propagation.

Sources: hashicorp/terraform-provider-aws (`internal/service/{s3,sns,sqs,ssm}`) for what each
property does, pulumi/pulumi-terraform-bridge (`pkg/tfbridge`) for names, defaults and diffs, and
pulumi/pulumi-aws (`provider/`) for region and tags.
"""

from importlib.metadata import version
from typing import Final

#: The version that the pulumi_aws SDK requires.
VERSION: Final = version("pulumi-aws")
REAL_PLUGIN: Final = f"the real pulumi-aws (pulumi plugin install resource aws {VERSION})"


class Refused(Exception):
    """The stand-in refuses a request; the message says why in one sentence."""
