"""An emulated Amazon Chime SDK Media Pipelines API: captures of meetings, and concatenations.

`operations` answers the calls, `pipelines` has the pipelines and their life, `artifacts` says
which objects they leave in their buckets. Routes, constraints, faults, quotas and the request log
are those of the meetings' operations.
"""
