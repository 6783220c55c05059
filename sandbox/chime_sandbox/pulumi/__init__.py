"""Pulumi for the sandbox: the CLI that is found or built, and a Python language runtime for it."""
