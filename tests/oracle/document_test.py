#!/usr/bin/env python3
"""Holds stargraph-verify to the documents it was written from, and the whole program against `stargraph-audit`.

usage: document_test.py STARGRAPH_AUDIT    the built program
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import mutations
from oracle import PROGRAM, ROOT, verify

STARGRAPH_AUDIT = os.environ.get("STARGRAPH_AUDIT_PROGRAM", "")
DOCUMENT = (ROOT / "docs" / "formats" / "audit.md").read_text(encoding="utf-8")


def block(kind):
    return re.search(rf"\n```{kind}\n(.*?\n)```", DOCUMENT, re.DOTALL)[1]


class Document(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory(prefix="stargraph-oracle.")
        self.addCleanup(work.cleanup)
        self.folder = pathlib.Path(work.name)
        self.key = self.folder / "audit.pub.pem"
        self.key.write_text(block("pem"))
        self.lines = block("jsonl").encode().splitlines(keepends=True)

    def write(self, name, data):
        (self.folder / name).write_bytes(data)
        return self.folder / name

    def run_both(self, *arguments):
        """One answer of two programs, without the sentence for people."""
        said = []
        for command in ([STARGRAPH_AUDIT, "verify"], [sys.executable, PROGRAM, "log"]):
            ended = subprocess.run([*command, *arguments, "--pubkey", self.key, "--json"], capture_output=True, text=True, check=False)
            report = json.loads(ended.stdout) if ended.stdout else None
            if report and "bad" in report:
                report = {name: report["bad"][name] for name in ("file", "line", "reason")} | {"entries": report["entries"]}
            said.append((ended.returncode, report))
        self.assertEqual(said[0], said[1])
        return said[1]

    def test_events_are_those_of_the_table(self):
        rows = re.findall(r"^\| `([a-z._]+)` \| ([a-z, -]+) \| [^|]+ \|$", DOCUMENT, re.MULTILINE)
        table = {name: tuple(sources.split(", ")) for name, sources in rows}
        self.assertEqual({name: set(sources) for name, sources in table.items()}, {n: set(s) for n, s in verify.EVENTS.items()})

    def test_reasons_are_those_of_the_table(self):
        reasons = set(re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENT, re.MULTILINE)) - {"UNSIGNED_TAIL"}
        text = pathlib.Path(PROGRAM).read_text(encoding="utf-8")
        self.assertEqual(set(re.findall(r'Refused\("([A-Z_]+)"', text)), reasons)

    def test_worked_example_holds(self):
        code, report = self.run_both(self.write("log", b"".join(self.lines)))
        self.assertEqual((code, report["ok"], report["entries"], report["checkpoints"]), (0, True, 5, 2))

    def test_files_and_ends_are_told_alike(self):
        whole, text = self.lines, b"".join(self.lines)
        one, two = self.write("one", b"".join(whole[:3])), self.write("two", b"".join(whole[3:]))
        torn, long = self.write("torn", b"".join(whole[:3]) + b'{"torn'), self.write("long", text + b"{" + b"x" * 70_000)
        empty, cut = self.write("empty", b""), self.write("cut", whole[0])
        for paths, expected in (
            ([one, two], "good"), ([one], "good"), ([torn], "good"), ([two, one], "GAP"), ([one, one], "GAP"), ([torn, two], "MALFORMED"),
            ([one, empty, two], "good"), ([empty], "TRUNCATED"), ([cut], "TRUNCATED"), ([long], "MALFORMED"), ([empty, empty], "TRUNCATED"),
        ):  # fmt: skip
            with self.subTest(paths=[path.name for path in paths]):
                code, report = self.run_both(*paths)
                self.assertEqual((code, report.get("reason", "good")), (0 if expected == "good" else 4, expected))

    def test_directory_stands_for_its_segments(self):
        segments = self.folder / "log"
        segments.mkdir()
        for number, lines in ((1, self.lines[:2]), (2, self.lines[2:])):
            (segments / f"audit-{number:08}.jsonl").write_bytes(b"".join(lines))
        (segments / "audit-3.jsonl").write_bytes(b"no segment")
        (segments / "notes.txt").write_bytes(b"no segment")
        self.assertEqual(self.run_both(segments)[1]["files"], 2)
        (segments / "audit-00000001.jsonl").unlink()
        self.assertEqual(self.run_both(segments)[1]["reason"], "GAP")

    def test_anchor_holds_forks_or_is_missed(self):
        log, short = self.write("log", b"".join(self.lines)), self.write("short", b"".join(self.lines[:3]))
        note = self.write("note", self.lines[4])
        self.assertTrue(self.run_both(log, "--anchor", note)[1]["anchored"])
        self.assertEqual(self.run_both(short, "--anchor", note)[1]["reason"], "TRUNCATED")
        begin = self.lines[4].index(b'"signature":"') + len(b'"signature":"')
        forged = self.lines[4][:begin] + (b"l" if self.lines[4][begin:][:1] != b"l" else b"m") + self.lines[4][begin + 1 :]
        for wrong in (self.lines[2], b"nonsense", forged):
            self.assertEqual(self.run_both(log, "--anchor", self.write("wrong", wrong)), (4, None))

    def test_a_log_of_the_other_algorithm(self):
        """The worked example by an ECDSA key, and its signature in forms that mean the same and are not the one."""
        private = self.folder / "ecdsa.key.pem"
        mutations.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", str(private))
        self.key.write_bytes(mutations.openssl("pkey", "-in", str(private), "-pubout"))
        key = mutations.Key(private, "ecdsa-p384-sha384")
        folder = self.folder / "ecdsa"
        folder.mkdir()
        segment = folder / "audit-00000001.jsonl"
        segment.write_bytes(b"".join(self.lines))
        writer = object.__new__(mutations.Writer)  # its way to chain anew, without a matrix
        writer.log = mutations.Log(folder)
        lines = writer.chained(1, lambda one: one["data"].update(key_id=key.key_id), key=key)
        segment.write_text("".join(line + "\n" for line in lines))
        self.assertTrue(self.run_both(folder)[1]["ok"])
        begin = lines[1].rindex(':"') + 2
        der = base64.b64decode(lines[1][begin:-2])
        order = verify.P384_ORDER
        r, s = (int.from_bytes(part, "big") for part in (der[4 : 4 + der[3]], der[6 + der[3] :]))
        positive = lambda number: (lambda data: bytes([2, len(data)]) + data)(number.to_bytes(number.bit_length() // 8 + 1, "big"))  # noqa: E731
        sequence = lambda data: bytes([0x30, len(data)]) + data  # noqa: E731
        padded = positive(r)[:1] + bytes([positive(r)[1] + 1, 0]) + positive(r)[2:]
        for reason, signature in (
            ("good", sequence(positive(r) + positive(order - s))),  # anybody can make it; no format takes it for an identity
            ("BAD_SIGNATURE", sequence(padded + positive(s))),
            ("BAD_SIGNATURE", sequence(positive(r) + positive(s)) + b"\0"),
            ("BAD_SIGNATURE", b"\x30\x81" + der[1:]),
            ("BAD_SIGNATURE", sequence(positive(r) + positive(s + order) if s + order < 2**384 else positive(r) + b"\2\1\0")),
        ):
            changed = [lines[0], lines[1][:begin] + base64.b64encode(signature).decode() + '"}', *lines[2:]]
            segment.write_text("".join(line + "\n" for line in changed))
            self.assertEqual(self.run_both(folder)[1].get("reason", "good"), reason)

    def test_what_cannot_be_read_says_nothing_about_the_log(self):
        self.assertEqual(self.run_both(self.folder / "absent"), (1, None))

class Stig(unittest.TestCase):
    """docs/stig.md answers an inspector: what it names must be there."""

    def test_every_named_test_exists_and_every_rule_names_one(self):
        tests = set()
        for file in (ROOT / "tests").rglob("*.cpp"):
            found = re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", file.read_text(encoding="utf-8"), re.MULTILINE)
            tests |= {f"{suite}.{name}" for suite, name in found}
        rows = re.findall(r"^\| (V-\d+[^|]*) \|.*\| ([^|]+) \|$", (ROOT / "docs" / "stig.md").read_text(encoding="utf-8"), re.MULTILINE)
        self.assertGreaterEqual(len(rows), 9)
        for rule, cell in rows:
            named = re.findall(r"`([A-Z]\w*\.[A-Z]\w+)`", cell)
            self.assertTrue(named, rule)
            for name in named:
                self.assertIn(name, tests, rule)

    def test_the_demonstration_ends_as_it_says(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="stargraph-stig.")))
        key, log = folder / "audit.pub.pem", folder / "audit-00000001.jsonl"
        key.write_text(block("pem"))
        log.write_text(block("jsonl"))
        command = [STARGRAPH_AUDIT, "verify", folder, "--pubkey", key]
        self.assertEqual(subprocess.run(command, capture_output=True, check=False).returncode, 0)
        subprocess.run(["sed", "-i", "3s/success/failure/", log], check=True)
        changed = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(changed.returncode, 4)
        self.assertRegex(changed.stdout, r"^BAD .*:3  HASH_MISMATCH")


if __name__ == "__main__":
    if not STARGRAPH_AUDIT and len(sys.argv) > 1:
        STARGRAPH_AUDIT = sys.argv.pop(1)
    if not STARGRAPH_AUDIT:
        sys.exit(__doc__)
    unittest.main()
