"""Emulated Amazon Chime SDK Meetings and Media Pipelines APIs, driven by botocore's own models.

`service` takes one call's way: `serialization` routes and parses it, `quotas` and `faults` may
refuse it, `constraints` checks it against the model, `responses` performs it on `models`, and
`media_pipelines.operations` on `media_pipelines.pipelines`. What the
emulator does and does not do is in the distribution's README.
"""
