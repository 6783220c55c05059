"""The sandbox engine: runs a Pulumi program over Pulumi's own protocol, without its CLI."""
