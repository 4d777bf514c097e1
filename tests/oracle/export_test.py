#!/usr/bin/env python3
"""Holds stargraph-verify and stargraph-audit together on slices and proofs: what one makes the other takes, and on every
damaged file both give the same reason and line.

usage: export_test.py UNIT_AUDIT STARGRAPH_AUDIT    the built programs; the first one makes the log
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from oracle import verify

UNIT_AUDIT = os.environ.get("STARGRAPH_UNIT_AUDIT", "")
STARGRAPH_AUDIT = os.environ.get("STARGRAPH_AUDIT_PROGRAM", "")
RUN = "018f0000-0000-7000-8000-00000000000a"
SLICES = {
    "tenant": ["--tenant", "soc"],
    "site": ["--tenant", "-"],
    "start": ["--tenant", "lab", "--first", "70"],
    "run": ["--run", RUN],
    "span": ["--run", RUN, "--complete"],
}


class RememberedKey(verify.PublicKey):
    """The same signature is asked of openssl once."""

    answers = {}

    def verify(self, algorithm, message, signature):
        asked = (self.key_id, algorithm, message, signature)
        if asked not in self.answers:
            self.answers[asked] = super().verify(algorithm, message, signature)
        return self.answers[asked]


class Carried(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="stargraph-slices.")
        cls.addClassCleanup(cls.work.cleanup)
        cls.folder = pathlib.Path(cls.work.name)
        environment = {**os.environ, "STARGRAPH_SLICES_DIR": cls.work.name}
        made = subprocess.run(
            [UNIT_AUDIT, "--gtest_filter=Slices.NothingIsGivenOfWhatIsNotThere"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode != 0:
            raise AssertionError(made.stdout[-2000:])
        cls.key_file = cls.folder / "audit.pub.pem"
        cls.key = RememberedKey.from_file(cls.key_file)
        cls.slices = {name: cls.audit("export", cls.folder / "log", *words) for name, words in SLICES.items()}
        seqs = [json.loads(line[: line.rindex(b',"entry_hash"')] + b"}")["seq"] for line in cls.lines_of("log") if b'"signature":' in line]
        cls.proofs = {
            "inclusion": cls.audit("proof", cls.folder / "log", "--seq", "20"),
            "first": cls.audit("proof", cls.folder / "log", "--seq", "1"),
            "consistency": cls.audit("proof", cls.folder / "log", "--from", str(seqs[len(seqs) // 2])),
            "from first": cls.audit("proof", cls.folder / "log", "--from", str(seqs[0]), "--to", str(seqs[-2])),
        }

    @classmethod
    def audit(cls, *words):
        ended = subprocess.run([STARGRAPH_AUDIT, *map(str, words), "--pubkey", cls.key_file], capture_output=True, check=False)
        if ended.returncode != 0:
            raise AssertionError((words, ended.stderr))
        return ended.stdout

    @classmethod
    def lines_of(cls, name):
        return b"".join(path.read_bytes() for path in sorted((cls.folder / name).glob("audit-*.jsonl"))).splitlines()

    def run_both(self, command, name, data):
        """What both say, without the sentence for people."""
        file = self.folder / "carried"
        file.write_bytes(data)
        if command == "export":
            ended = subprocess.run(
                [STARGRAPH_AUDIT, "verify-export", file, "--pubkey", self.key_file, "--json"], capture_output=True, check=False
            )
            first = (ended.returncode, json.loads(ended.stdout))
            second = verify.verify_slice(file, self.key).to_json(str(file))
            second = (0 if second["ok"] else 4, second)
            for _, said in (first, second):
                said.get("bad", {}).pop("detail", None)
        else:
            ended = subprocess.run(
                [STARGRAPH_AUDIT, "verify-proof", file, "--pubkey", self.key_file], capture_output=True, text=True, check=False
            )
            first = (ended.returncode, "" if ended.returncode == 0 else ended.stderr.rsplit("(", 1)[-1].rstrip(")\n"))
            try:
                verify.verify_proof(data.removesuffix(b"\n"), self.key)
                second = (0, "")
            except verify.Refused as error:
                second = (4, error.reason)
        self.assertEqual(first, second, f"{command} {name}: {data[:300]}")
        return second

    def test_what_one_makes_the_other_takes(self):
        for name, data in self.slices.items():
            code, said = self.run_both("export", name, data)
            self.assertEqual((code, said["ok"]), (0, True), name)
        self.assertTrue(self.run_both("export", "tenant", self.slices["tenant"])[1]["to_head"])
        for name, data in self.proofs.items():
            self.assertEqual(self.run_both("proof", name, data)[0], 0, name)

    def test_slices_hold_the_lines_of_the_log_in_their_order(self):
        log = self.lines_of("log")
        for name, data in self.slices.items():
            entries = [line for line in data.splitlines() if line.startswith(b'{"actor"')]
            places = [log.index(line) for line in entries]
            self.assertEqual(places, sorted(places), name)
        of_soc = [line for line in log if b'"tenant":"soc"' in line]
        self.assertEqual(self.slices["tenant"].splitlines()[1:], of_soc)

    def damaged(self, data):
        """Lines left out, doubled, swapped, cut, added; and bytes changed all over."""
        lines = data.splitlines(keepends=True)
        step = max(1, len(lines) // 12)
        for i in list(range(0, len(lines), step)) + [len(lines) - 1]:
            yield b"".join(lines[:i] + lines[i + 1 :])
            yield b"".join(lines[:i] + [lines[i]] + lines[i:])
            yield b"".join(lines[:i])
            yield b"".join(lines[:i] + [lines[i][:-1]])
            if i + 1 < len(lines):
                yield b"".join(lines[:i] + [lines[i + 1], lines[i]] + lines[i + 2 :])
        foreign = [line + b"\n" for line in self.lines_of("log") if b'"tenant":"lab"' in line or b'"tenant":"-"' in line]
        yield b"".join([lines[0], foreign[3], *lines[1:]])
        yield data + foreign[0]
        yield data + b"\n"
        for at in range(0, len(data), max(1, len(data) // 80)):
            yield data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        header = lines[0]
        for at in range(0, len(header), 31):
            yield header[:at] + bytes([header[at] ^ 1]) + b"".join([header[at + 1 :], *lines[1:]])

    def forged(self, data):
        """The header is nobody's secret: it can be written anew around what is left."""
        lines = data.splitlines(keepends=True)
        header = json.loads(lines[0])
        other = self.lines_of("other")[-1].decode()

        def written(changes, rest):
            return verify.canonical({**header, **changes}) + b"\n" + b"".join(rest)

        yield written({"checkpoint": other}, lines[1:])
        yield written({"tenant": "lab" if header["tenant"] != "lab" else "soc"}, lines[1:])
        yield written({"install_id": "018f0000-0000-7000-8000-0000000000ff"}, lines[1:])
        yield written({"run_id": "018f0000-0000-7000-8000-0000000000ff"}, lines[1:])
        yield written({"entries": header["entries"] - 1}, lines[1:-1])
        if header["kind"] == "chain":
            yield written({"entries": header["entries"] - 1, "last": header["last"] - 1}, lines[1:-1])
            yield written({"entries": header["entries"] - 1, "first": header["first"] + 1}, lines[2:])
            yield written({"proof": {"kind": "inclusion", "path": []}}, lines[1:])
            yield written({"proof": {"count": 1, "index": 0, "kind": "head", "path": []}}, lines[1:])
            yield written({"proof": {**header["proof"], "path": header["proof"]["path"][:-1]}}, lines[1:])

    def test_both_say_the_same_of_every_damaged_slice(self):
        tried = refused = 0
        for name, data in self.slices.items():
            for changed in [*self.damaged(data), *self.forged(data)]:
                if changed == data:
                    continue
                code, said = self.run_both("export", name, changed)
                tried += 1
                refused += code == 4
                # What still holds says less: a later start, or a log whose name nothing proves.
                self.assertTrue(code == 4 or said["install_id"] is None, f"{name}: {changed[:200]}")
        print(f"slices: {tried} damaged ones, {refused} refused, {tried - refused} that hold and claim less; both verifiers agree on each")
        self.assertGreater(refused, 500)

    def test_both_say_the_same_of_every_damaged_proof(self):
        tried = 0
        for name, data in self.proofs.items():
            for at in range(0, len(data) - 1, max(1, len(data) // 150)):
                changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
                self.assertEqual(self.run_both("proof", name, changed)[0], 4, f"{name} {at}")
                tried += 1
            proof = json.loads(data)
            for changes in ({"path": proof["path"][:-1]}, {"path": [*proof["path"], "a" * 96]}, {"kind": "other"}):
                self.assertEqual(self.run_both("proof", name, verify.canonical({**proof, **changes}))[0], 4, name)
                tried += 1
        print(f"proofs: {tried} damaged ones, all refused by both verifiers with the same reason")
        self.assertGreater(tried, 500)

    def test_another_key_is_refused(self):
        for name, data in self.slices.items():
            verifier = verify.SliceVerifier(type("Other", (), {"key_id": "0" * 96})())
            self.assertFalse(verifier.line(data.splitlines()[0]), name)
            self.assertEqual(verifier.bad[1], "UNKNOWN_KEY")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        UNIT_AUDIT, STARGRAPH_AUDIT = sys.argv[1:3]
    unittest.main(argv=[sys.argv[0]])
