"""`python -m sandbox.engine <arguments>`: as `pulumi <arguments>`."""

from sandbox.engine.cli import main

main()
