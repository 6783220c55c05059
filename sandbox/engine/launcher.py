"""Runs in the project's environment, by path: connects the SDK to the engine, and runs the program.

Nothing but the Pulumi SDK is imported here, for the environment needn't have the sandbox. What the
SDK has to be told is in sdk/python/cmd/pulumi-language-python-exec.
"""

import asyncio
import gc
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

import pulumi
from pulumi import runtime

_SAID = 32


def _connect(address: str, root: str) -> int:
    parallel = int(os.environ["PULUMI_PARALLEL"])
    runtime.set_all_config(runtime.get_config_env(), runtime.get_config_secret_keys_env())
    runtime.configure(
        runtime.Settings(
            monitor=address,
            engine=address,
            project=os.environ["PULUMI_PROJECT"],
            stack=os.environ["PULUMI_STACK"],
            organization=os.environ["PULUMI_ORGANIZATION"],
            parallel=parallel,
            dry_run=os.environ["PULUMI_DRY_RUN"] == "true",
            root_directory=root,
        )
    )
    return parallel


def _explained(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [i for i, frame in enumerate(frames) if frame.filename in (__file__, runpy.__file__)]
    own += [i for i, frame in enumerate(frames) if frame.filename.startswith("<frozen runpy")]
    tail = frames[max(own, default=-1) + 1 :] or frames
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(tail)]
    lines += traceback.format_exception_only(error)
    return "Program failed with an unhandled exception:\n" + "".join(lines)


def main(address: str, program: str, root: str) -> int:
    """Runs a program to its end, and says what went wrong.

    Args:
        address: host and port of the monitor and the engine.
        program: the program's file or folder.
        root: the project's folder.

    Returns:
        An exit code.
    """
    parallel = _connect(address, root)
    sys.argv = [program]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=parallel * 4)
    loop.set_default_executor(executor)
    # A program that fails leaves futures behind that nobody awaits: that is no news.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(runtime.run_in_stack(run))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception as error:
        pulumi.log.error(_explained(error))
        return _SAID
    finally:
        executor.shutdown(wait=True)
        loop.close()
        # Or Python looks through all that was imported once more, while the process ends.
        gc.freeze()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
