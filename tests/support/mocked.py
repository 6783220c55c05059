"""Programs that run without an engine, by Pulumi's own mocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pulumi
from pulumi.runtime import mocks, settings


def run(program: Callable[[], object], cloud: mocks.Mocks, config: Mapping[str, str]) -> None:
    """Run a program to its end, and leave nothing of it.

    :param cloud: answers what the program declares and asks.
    :param config: the stack's settings.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    mocks.set_mocks(cloud, preview=False)
    pulumi.runtime.set_all_config(dict(config))
    try:
        pulumi.runtime.test(program)()
    finally:
        pulumi.runtime.set_all_config({})
        settings.reset_options()
        asyncio.set_event_loop(None)
        loop.close()
