"""Recordings of meetings: models, client, checks and lifecycle, without Pulumi."""
