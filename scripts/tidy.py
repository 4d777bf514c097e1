#!/usr/bin/env python3
"""Runs clang-tidy over files, several at once, remembering what passed.

A passed file is remembered under a digest of itself, every project header it reaches, its compile command, .clang-tidy
and the clang-tidy version. Called by scripts/lint.
"""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)


def reached(path, seen):
    """Adds `path` and the project files it includes, directly or not, to `seen` with their bytes."""
    if path in seen or not path.is_file():
        return
    seen[path] = path.read_bytes()
    for name in INCLUDE.findall(seen[path]):
        for base in (path.parent, ROOT / "include", ROOT / "src"):
            reached((base / name.decode()).resolve(), seen)


def digest(path, command, fixed):
    seen = {}
    reached(path, seen)
    sha = hashlib.sha256(fixed + command.encode())
    for name in sorted(seen):
        sha.update(str(name.relative_to(ROOT) if name.is_relative_to(ROOT) else name).encode() + b"\0" + seen[name])
    return sha.hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=900)
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()

    tidy = shutil.which("clang-tidy-19") or shutil.which("clang-tidy")
    if not tidy:
        print("clang-tidy is missing", file=sys.stderr)
        return 1
    version = subprocess.run([tidy, "--version"], check=True, capture_output=True).stdout
    fixed = version + (ROOT / ".clang-tidy").read_bytes()
    commands = {}
    for entry in json.loads((options.build / "compile_commands.json").read_text()):
        commands[(pathlib.Path(entry["directory"]) / entry["file"]).resolve()] = entry["command"]
    options.cache.mkdir(parents=True, exist_ok=True)

    known, waiting, unbuilt = 0, [], []
    for name in options.files:
        path = (ROOT / name).resolve()
        if path not in commands:
            unbuilt.append(name)
            continue
        stamp = options.cache / digest(path, commands[path].replace(str(ROOT), ""), fixed)
        if stamp.exists():
            stamp.touch()
            known += 1
        else:
            waiting.append((path, stamp))
    for old in options.cache.iterdir():  # a month unused is forgotten
        if old.stat().st_mtime < time.time() - 30 * 86400:
            old.unlink(missing_ok=True)

    start, failed, skipped = time.monotonic(), 0, []

    def check(item):
        path, stamp = item
        left = options.seconds - (time.monotonic() - start)
        if left <= 0:
            return path, None, ""
        try:
            done = subprocess.run(
                [tidy, "-p", str(options.build), "--quiet", "--extra-arg=-Wno-unknown-warning-option", str(path)],
                cwd=ROOT, capture_output=True, text=True, timeout=left)
        except subprocess.TimeoutExpired:
            return path, None, ""
        if done.returncode == 0 and not done.stdout.strip():
            stamp.touch()
            return path, True, ""
        return path, False, done.stdout + (done.stderr if not done.stdout.strip() else "")

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for path, passed, text in pool.map(check, waiting):
            if passed is None:
                skipped.append(str(path.relative_to(ROOT)))
            elif not passed:
                failed += 1
                print(text.rstrip().replace(str(ROOT) + "/", ""))
    total, seconds = len(options.files), int(time.monotonic() - start)
    checked = len(waiting) - len(skipped)
    print(f"lint: clang-tidy: {total} files: {known} known to pass, {checked} checked in {seconds} s, {failed} with findings")
    if unbuilt:
        print(f"lint: clang-tidy: not part of the build, so not checked: {' '.join(unbuilt)}")
    if skipped:
        print(f"lint: clang-tidy: out of time, NOT checked: {len(skipped)} files; run again or raise STARGRAPH_TIDY_SECONDS")
    return 1 if failed else 0


sys.exit(main())
