"""The watcher: waits for a stack's meetings to end, and runs `up` for those that are declared.

    python -m meeting_provider.watch --stack live

`queue` receives messages: the service's notifications, and the `requests` for a meeting that has
ended. `stack` is the watched stack, by Pulumi's Automation API. `reconciler` decides what the
messages mean for the stack, `consumers` updates the stacks that read its outputs, and `shutdown`
handles signals.
"""
