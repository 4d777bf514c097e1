"""stargraph-verify as a module, for the tests beside this file."""

import importlib.machinery
import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "scripts" / "stargraph-verify"


def load():
    sys.dont_write_bytecode = True  # no cache beside the program
    loader = importlib.machinery.SourceFileLoader("stargraph_verify", str(PROGRAM))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


verify = load()
