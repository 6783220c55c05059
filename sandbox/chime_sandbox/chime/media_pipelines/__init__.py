"""An emulated Amazon Chime SDK Media Pipelines API: captures of meetings, and concatenations.

`operations` implements the API operations, `pipelines` stores the pipelines and changes their
status over time, and `artifacts` lists the objects that they write. Routing, constraints, faults,
quotas and the request log are shared with the Meetings API.
"""
