"""The recordings of meetings: everything of them below Pulumi."""
