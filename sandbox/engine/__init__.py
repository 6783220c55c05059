"""The sandbox engine: runs a Pulumi program over Pulumi's own protocol where no `pulumi` is installed."""
