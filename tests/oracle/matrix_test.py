#!/usr/bin/env python3
"""Holds stargraph-verify against every attack of the matrix: the same log, the same attacks, the same reasons and lines
as the C++ verifier (tests/unit/audit/matrix_test.cpp), which writes them to a directory of this test.

usage: matrix_test.py UNIT_AUDIT    the built program unit_audit
"""

import collections
import hashlib
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from oracle import PROGRAM, verify

UNIT_AUDIT = os.environ.get("STARGRAPH_UNIT_AUDIT", "")


class Matrix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="stargraph-matrix.")
        cls.addClassCleanup(cls.work.cleanup)
        cls.folder = pathlib.Path(cls.work.name)
        environment = {**os.environ, "STARGRAPH_MATRIX_DIR": cls.work.name}
        made = subprocess.run(
            [UNIT_AUDIT, "--gtest_filter=AuditMatrix.*"], env=environment, capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            raise AssertionError(made.stdout[-2000:])
        cls.log, cls.other = read_items(cls.folder / "log"), read_items(cls.folder / "other")
        cls.key = verify.PublicKey.from_file(cls.folder / "audit.pub.pem")
        remember_signatures(cls.key)
        cls.before = verifiers_before(cls.log, cls.key, None)
        cls.anchor = [item for item in cls.log if b'"signature":' in item][-1]
        cls.before_anchored = verifiers_before(cls.log, cls.key, cls.anchor)

    def test_every_attack_is_found_with_its_reason_and_line(self):
        counts = collections.defaultdict(collections.Counter)
        with open(self.folder / "mutations.jsonl", encoding="utf-8") as file:
            for row in file:
                mutation = json.loads(row)
                report = self.attacked(mutation)
                self.assertEqual(said(report), mutation["expect"], row[:400])
                count = counts[mutation["class"]]
                count["tried"] += 1
                self.assertLessEqual(report.unsigned_tail, 256)
                count["found" if report.bad else "tail" if report.unsigned_tail else "checkpoint"] += 1
        total = sum(counts.values(), collections.Counter())
        print(
            f"matrix: {total['tried']} attacks: {total['found']} found, {total['tail']} in the unsigned tail and told, "
            f"{total['checkpoint']} cut back to a checkpoint"
        )
        # The second one ends with the anchor itself.
        honest = counts["cut"]["checkpoint"] + counts["cut, against an anchor"]["checkpoint"]
        self.assertEqual(total["checkpoint"], honest, "undetected")
        self.assertGreater(total["found"], 30_000)

    def test_program_reads_the_files_as_the_verifier_reads_lines(self):
        """From disk, with signatures beside the reading: good as it is, and each signature's failure at its own line."""
        checkpoint = self.log.index(self.anchor)
        self.assertEqual(self.run_program(self.log), (0, {"tail": tail_of(self.log)}))
        early = next(index for index, item in enumerate(self.log) if b'"signature":' in item)
        for wrong in (early, checkpoint):
            items = list(self.log)
            begin = items[wrong].rindex(b'"signature":"') + 13
            flipped = b"B" if items[wrong][begin : begin + 1] == b"A" else b"A"
            items[wrong] = items[wrong][:begin] + flipped + items[wrong][begin + 1 :]
            # Behind it something that reading finds first; the earlier line is the one to be told.
            for later in range(wrong + 1, min(wrong + 40, len(items))):
                items[later] = items[later].replace(b'"v":1', b'"v":2')
            code, found = self.run_program(items)
            name, line = place_of(items, wrong)
            self.assertEqual((code, found["reason"], pathlib.Path(found["file"]).name, found["line"]), (4, "BAD_SIGNATURE", name, line))

    def run_program(self, items):
        with tempfile.TemporaryDirectory(prefix="stargraph-matrix.") as folder:
            names = [index for index, item in enumerate(items) if not item.startswith(b"{")]
            for begin, end in zip(names, [*names[1:], len(items)]):
                text = b"".join(line + b"\n" for line in items[begin + 1 : end])
                pathlib.Path(folder, items[begin].decode()).write_bytes(text)
            command = [sys.executable, PROGRAM, "log", folder, "--pubkey", self.folder / "audit.pub.pem", "--json"]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
        report = json.loads(ended.stdout)
        return ended.returncode, report["bad"] if "bad" in report else {"tail": report["unsigned_tail"]}

    def attacked(self, mutation):
        at = mutation["at"]
        verifier = (self.before_anchored if mutation["anchor"] else self.before)[at].copy()
        changed = [item for piece in mutation["insert"] for item in self.items_of(piece)]
        for item in itertools.chain(changed, itertools.islice(self.log, at + mutation["drop"], None)):
            if not feed(verifier, item):
                break
        return verifier.finish()

    def items_of(self, piece):
        if isinstance(piece, str):
            return [piece.encode("utf-8")]
        if "edit" in piece:
            index, offset, drop, text = piece["edit"]
            line = self.log[index]
            line = line[:offset] + text.encode("utf-8") + line[offset + drop :]
            return [rehashed(line) if piece["rehash"] else line]
        items, (begin, end) = (self.log, piece["a"]) if "a" in piece else (self.other, piece["b"])
        return items[begin:end]


def rehashed(line):
    at = line.rindex(b',"entry_hash"')
    return line[: at + 15] + hashlib.sha384(b"stargraph.audit.entry.v1\0" + line[:at]).hexdigest().encode() + line[at + 111 :]


def read_items(folder):
    items = []
    for path in sorted(folder.glob("audit-*.jsonl")):
        items += [path.name.encode(), *path.read_bytes().split(b"\n")[:-1]]
    return items


def place_of(items, index):
    begin = max(n for n in range(index) if not items[n].startswith(b"{"))
    return items[begin].decode(), index - begin


def tail_of(items):
    lines = [item for item in items if item.startswith(b"{")]
    return next(n for n, item in enumerate(reversed(lines)) if b'"signature":' in item)


def feed(verifier, item):
    if item.startswith(b"{"):
        return verifier.line(item)
    verifier.begin_file(item.decode())
    return True


def verifiers_before(items, key, anchor):
    """Verifiers as they stand before each item, so that an attack costs only what comes after it."""
    verifier, before = verify.LogVerifier(key, anchor), []
    for item in items:
        before.append(verifier.copy())
        assert feed(verifier, item), verifier.report.bad
    return [*before, verifier]


def remember_signatures(key):
    """The openssl command once for each message and signature, not once for each attack that leaves them alone."""
    ask, answers = key.verify, {}

    def remembered(algorithm, message, signature):
        asked = (algorithm, message, signature)
        if asked not in answers:
            answers[asked] = ask(*asked)
        return answers[asked]

    key.verify = remembered


def said(report):
    if report.bad is None:
        return {"reason": "good", "tail": report.unsigned_tail}
    file, line, reason, _ = report.bad
    return {"reason": reason, "file": file, "line": line}


if __name__ == "__main__":
    if not UNIT_AUDIT and len(sys.argv) > 1:
        UNIT_AUDIT = sys.argv.pop(1)
    if not UNIT_AUDIT:
        sys.exit(__doc__)
    unittest.main()
