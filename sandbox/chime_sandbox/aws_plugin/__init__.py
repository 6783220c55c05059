"""A `pulumi-resource-aws` for the sandbox: the few AWS types that this project declares.

Goals: the unmodified pulumi_aws SDK works against a loopback endpoint where the real plugin isn't
installed, with the names, inputs, outputs, defaults, diffs and replacements of the real one, so
that a stack looks the same with either. Types and properties come from pulumi_aws's own classes.

Limitations: each module's `RESOURCES` and `functions.FUNCTIONS` are all it does. It refuses, in one
sentence that names the real plugin, any other type or function, any setting that it would not
honour (default tags, assumed roles, ...), and any endpoint that isn't on the loopback. A generated
name's seven hex digits come from the engine's random seed as the real plugin's do, but by another
generator, so they are other digits. Waiting for propagation is left out.

Sources: hashicorp/terraform-provider-aws (`internal/service/{s3,sns,sqs,ssm}`) for what each
property does, pulumi/pulumi-terraform-bridge (`pkg/tfbridge`) for names, defaults and diffs, and
pulumi/pulumi-aws (`provider/`) for region and tags.
"""

from importlib.metadata import version
from typing import Final

#: The version that pulumi_aws's SDK asks for.
VERSION: Final = version("pulumi-aws")
REAL_PLUGIN: Final = f"the real pulumi-aws (pulumi plugin install resource aws {VERSION})"


class Refused(Exception):
    """What the stand-in won't do, as one sentence."""
