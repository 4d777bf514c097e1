#!/usr/bin/env python3
"""Searches tests/model/audit.pml exhaustively with spin: as it is it must hold, with each seeded mistake it must not.

usage: model_test.py    ends with 77 and says so when spin is not installed
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MODEL = pathlib.Path(__file__).resolve().parent / "audit.pml"

HOLDS = {
    "outbox and writer, three crashes each": "ACTS=4 WRITER_CRASHES=3 DAEMON_CRASHES=3 LINK_LOSSES=2",
    "the same, with a daemon that sends all again": "ACTS=4 WRITER_CRASHES=3 DAEMON_CRASHES=3 LINK_LOSSES=2 RESENDS",
    "two importers beside the daemon": "ACTS=1 IMPORTERS=2 WRITER_CRASHES=1",
    "two importers, two crashes of each kind": "ACTS=1 IMPORTERS=2 IMPORTER_CRASHES=2 DAEMON_CRASHES=0 LINK_LOSSES=0",
}
BREAKS = {
    "acknowledges before fdatasync": "BUG_ACKNOWLEDGE_BEFORE_SYNC",
    "gives a receipt before fdatasync": "BUG_ACKNOWLEDGE_BEFORE_SYNC ACTS=1 IMPORTERS=1",
    "takes a repeat for a new record": "BUG_REPEATS_ARE_NEW RESENDS",
    "deletes rows when they are sent": "BUG_DELETE_WHEN_SENT",
    "sends before the transaction commits": "BUG_SEND_BEFORE_COMMIT",
    "lets two importers count from one head": "BUG_IMPORTERS_RACE ACTS=1 IMPORTERS=2",
    "asks for a receipt without the database's lock": "BUG_NO_LOCK ACTS=1 IMPORTERS=2",
    "makes an act without asking for lost ones": "BUG_HIDES ACTS=1 IMPORTERS=2",
}
# The whole reachable space and nothing less: with these, "errors: 0" is a proof within the budgets above.
COMPLETE = ("max search depth too small", "out of memory", "hash table full", "truncated")


def run(command, folder):
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def search(definitions):
    """(errors, states, what pan said)."""
    with tempfile.TemporaryDirectory(prefix="stargraph-model.") as folder:
        shutil.copy(MODEL, folder)
        defines = [f"-D{name}" for name in definitions.split()]
        for command in (["spin", "-a", *defines, MODEL.name], ["cc", "-O2", "-w", "-DSAFETY", "-DMEMLIM=2048", "-o", "pan", "pan.c"]):
            code, said = run(command, folder)
            if code != 0:
                sys.exit(f"{' '.join(command)}: {said}")
        _, said = run(["./pan", "-m200000"], folder)
    errors, states = re.search(r"errors: ([0-9]+)", said), re.search(r"([0-9]+) states, stored", said)
    if not errors or not states:
        sys.exit(said)
    return int(errors[1]), int(states[1]), said


def main():
    if not shutil.which("spin"):
        print("model: skipped: spin is not installed (Debian package spin)")
        return 77
    failed = 0
    for name, definitions in HOLDS.items():
        errors, states, said = search(definitions)
        whole = not any(words in said for words in COMPLETE)
        good = errors == 0 and whole and states > 10_000
        print(f"model: {'holds ' if good else 'FAILED'} in {states:9,} states: {name}", flush=True)
        if not good:
            print(said)
        failed += not good
    for name, definitions in BREAKS.items():
        errors, _, said = search(definitions)
        why = re.search(r"pan:1: (.*) \(at depth", said)
        print(f"model: {'found ' if errors else 'MISSED'} a writer or client that {name}: {why[1] if why else said}", flush=True)
        failed += errors == 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
