"""Runs the benchmarks that are named, or all of them; fails where one is over its limit."""

import sys
from importlib import import_module
from pathlib import Path

ALL = sorted(p.stem for p in Path(__file__).parent.glob("[a-z]*.py"))

names = sys.argv[1:] or ALL
if unknown := set(names) - set(ALL):
    sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
within = [import_module(f"benchmarks.{name}").main() for name in names]
sys.exit(0 if all(within) else 1)
