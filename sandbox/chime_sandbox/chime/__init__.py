"""An emulated Amazon Chime SDK Meetings API, driven by botocore's own service model.

`service` takes one call's way: `serialization` routes and parses it, `quotas` and `faults` may
refuse it, `constraints` checks it against the model, `responses` performs it on `models`. What the
emulator does and does not do is in the distribution's README.
"""
