"""Emulated Amazon Chime SDK Meetings and Media Pipelines APIs, based on botocore's service models.

`service` handles a call: `serialization` routes and parses it, `quotas` and `faults` may refuse it,
`constraints` checks it against the model, and `responses` or `media_pipelines.operations` carries
it out. The distribution's README lists what the emulator does and does not do.
"""
