"""Healing: waits at a stack's queue, and has `up` make a successor where a meeting ends too soon.

    python -m meeting_provider.watch --stack live

`queue` brings what the service tells, `stack` is the watched stack by Pulumi's Automation API,
`healing` decides what the one means for the other, and `stopping` ends it all cleanly.
"""
