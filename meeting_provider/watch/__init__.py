"""The watcher: waits for a stack's meetings to end, and runs `up` where one ends too soon.

    python -m meeting_provider.watch --stack live

`queue` receives messages: the service's notifications, and the `requests` for a meeting that isn't
there. `stack` is the watched stack through Pulumi's Automation API, `reconciler` decides what the
messages mean for the stack, `consumers` updates the stacks that read its outputs, and `shutdown`
ends it cleanly.
"""
