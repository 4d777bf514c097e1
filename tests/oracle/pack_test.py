#!/usr/bin/env python3
"""Holds stargraph-verify against `stargraph-pack verify --pubkey`: the same packs, the same answers and reasons.

usage: pack_test.py STARGRAPH_PACK    the built program
"""

import base64
import collections
import copy
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from oracle import PROGRAM, ROOT, verify

STARGRAPH_PACK = os.environ.get("STARGRAPH_PACK_PROGRAM", "")
VECTORS = ROOT / "tests" / "unit" / "pack" / "vectors"


def jcs(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def u32(data):
    return len(data).to_bytes(4, "big") + data


class Key:
    """A key of this test alone, made and used by openssl."""

    def __init__(self, folder, name, algorithm="ed25519"):
        self.algorithm = algorithm
        self.private, self.public = folder / f"{name}.key.pem", folder / f"{name}.pub.pem"
        curve = ["-algorithm", "ed25519"] if algorithm == "ed25519" else ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]
        openssl("genpkey", *curve, "-out", self.private)
        self.private.chmod(0o600)
        openssl("pkey", "-in", self.private, "-pubout", "-out", self.public)
        self.spki = openssl("pkey", "-in", self.private, "-pubout", "-outform", "DER")
        self.key_id = hashlib.sha384(self.spki).hexdigest()

    def entry(self, header, domain=b"stargraph.pack.v1"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(domain + b"\0" + header)
            file.flush()
            how = ["pkeyutl", "-sign", "-inkey", self.private, "-rawin", "-in", file.name]
            if self.algorithm != "ed25519":
                how = ["dgst", "-sha384", "-sign", self.private, file.name]
            signature = openssl(*how)
        spki, sig = (base64.b64encode(data).decode() for data in (self.spki, signature))
        return {"alg": self.algorithm, "key_id": self.key_id, "sig": sig, "spki": spki}


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True).stdout


class Pack:
    """The parts of a small pack, to be changed and signed again by somebody who has the key."""

    def __init__(self, data):
        header, self.signatures, payload = verify.split_pack(data)
        self.header = json.loads(header)
        self.files, at = {}, 0
        for file in self.header["files"]:
            self.files[file["path"]] = payload[at : at + file["size"]]
            at += file["size"]

    def listed(self):
        """Files and SBOM made to agree with what is there."""
        sbom = json.loads(self.files["sbom.cdx.json"])
        sbom["components"] = [
            {"hashes": [{"alg": "SHA-384", "content": hashlib.sha384(data).hexdigest()}], "name": path, "type": "file"}
            for path, data in sorted(self.files.items())
            if path != "sbom.cdx.json"
        ]
        self.files["sbom.cdx.json"] = jcs(sbom)
        return self.counted()

    def counted(self):
        self.header["files"] = [
            {"path": path, "sha384": hashlib.sha384(data).hexdigest(), "size": len(data)} for path, data in sorted(self.files.items())
        ]
        return self

    def signed(self, *keys, **how):
        header = jcs(self.header)
        entries = sorted((key.entry(header, **how) for key in keys), key=lambda entry: entry["key_id"])
        return self.assembled(header, jcs(entries))

    def assembled(self, header, signatures):
        payload = b"".join(self.files[path] for path in sorted(self.files))
        return b"SGPACK\0\1" + u32(header) + u32(signatures) + payload


def checks_of_document():
    """{reason: numbers of the checks that have it}, from the table of docs/formats/pack.md."""
    checks = collections.defaultdict(set)
    text = (ROOT / "docs" / "formats" / "pack.md").read_text(encoding="utf-8")
    for number, reasons in re.findall(r"^\| ([0-9]+) \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE):
        for reason in re.findall(r"`([a-z0-9-]+)`", reasons):
            checks[reason].add(int(number))
    return checks


CHECKS = checks_of_document()
TOLD = collections.Counter()


class PackAgreement(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        work = tempfile.TemporaryDirectory(prefix="stargraph-oracle.")
        cls.addClassCleanup(work.cleanup)
        cls.folder = pathlib.Path(work.name)
        cls.hello = (VECTORS / "hello.sgpack").read_bytes()
        cls.key = Key(cls.folder, "ours")
        cls.ecdsa = Key(cls.folder, "ecdsa", "ecdsa-p384-sha384")

    @classmethod
    def tearDownClass(cls):
        print("pack: reasons:", dict(TOLD))

    def theirs(self, data, *public):
        """What stargraph-pack says: "good", or its reason."""
        file = self.folder / "pack"
        file.write_bytes(data)
        given = [part for path in public for part in ("--pubkey", str(path))]
        ended = subprocess.run([STARGRAPH_PACK, "verify", str(file), *given], capture_output=True, text=True, check=False)
        if ended.returncode == 0:
            return "good", 0
        return re.fullmatch(r".*\(([a-z0-9-]+)\)", ended.stderr.strip().split("\n")[-1])[1], ended.returncode

    def ours(self, data, *public):
        try:
            verify.verify_pack(data, [verify.PublicKey.from_file(path) for path in public])
        except verify.Refused as error:
            return error.reason, verify.exit_code(error)
        return "good", 0

    def agree(self, data, *public, what=""):
        """One verdict, one exit code, and reasons of the same check: which of two faults of one check is told first is
        left open by the document."""
        (theirs, code), (ours, our_code) = self.theirs(data, *public), self.ours(data, *public)
        about_workers = theirs == "manifest-mismatch" and "/workers" in what
        if ours == "good" and (theirs.startswith("rules-") or theirs == "pack-limit" or about_workers):
            TOLD["good, but its rules or graphs do not load (check 13)"] += 1
            return theirs
        self.assertEqual((theirs == "good", code), (ours == "good", our_code), f"{what}: theirs {theirs}, ours {ours}")
        if ours != "good":
            self.assertTrue(CHECKS[theirs] & CHECKS[ours], f"{what}: theirs {theirs}, ours {ours}")
        TOLD["alike" if theirs == ours else f"{theirs} for {ours}"] += 1
        return ours

    def test_vector_holds_by_both(self):
        self.assertEqual(self.agree(self.hello, VECTORS / "hello.pub.pem"), "good")
        self.assertEqual(self.agree(self.hello, self.key.public), "signer-not-pinned")

    def test_a_flipped_bit_is_refused_alike(self):
        reasons = collections.Counter()
        payload = len(self.hello) - len(verify.split_pack(self.hello)[2])
        # Each byte of header and signatures; of the files, which one digest each holds, every fourth.
        for at in [*range(payload), *range(payload, len(self.hello), 4)]:
            data = bytearray(self.hello)
            data[at] ^= 1 << (at * 3 + 1) % 8
            reasons[self.agree(bytes(data), VECTORS / "hello.pub.pem", what=f"byte {at}")] += 1
        self.assertNotIn("good", reasons)
        print("pack: flipped bits:", dict(reasons))
        self.assertGreater(len(reasons), 8)

    def test_every_way_to_cut_or_add_is_refused_alike(self):
        for size in [*range(0, 20), *range(20, len(self.hello), 31)]:
            self.assertNotEqual(self.agree(self.hello[:size], VECTORS / "hello.pub.pem", what=f"cut at {size}"), "good")
        self.assertEqual(self.agree(self.hello + b"\0", VECTORS / "hello.pub.pem"), "trailing-bytes")

    def test_signatures_of_both_algorithms_and_of_several_keys(self):
        pack, other = Pack(self.hello), Key(self.folder, "other")
        both = pack.signed(self.key, self.ecdsa)
        self.assertEqual(self.agree(both, self.key.public, self.ecdsa.public), "good")
        self.assertEqual(self.agree(both, self.key.public), "signer-not-pinned")
        self.assertEqual(self.agree(both, self.key.public, self.ecdsa.public, other.public), "signature-missing")
        self.assertEqual(self.agree(pack.signed(self.key, domain=b"stargraph.audit.entry.v1"), self.key.public), "signature-invalid")
        self.assertEqual(self.agree(pack.signed(self.key, self.key), self.key.public), "signature-duplicate")
        self.assertEqual(self.agree(pack.signed(), self.key.public), "signature-missing")
        header = jcs(pack.header)
        for change in self.signature_changes(pack.signed(self.ecdsa)):
            self.assertNotEqual(self.agree(pack.assembled(header, change), self.ecdsa.public, what=change), "good")

    def signature_changes(self, data):
        (entry,) = json.loads(verify.split_pack(data)[1])
        der = base64.b64decode(entry["sig"])
        length = der[3]
        longer = bytes([0x30, der[1] + 1, 2, length + 1, 0]) + der[4:]  # a leading zero that is not needed
        for sig in (longer, der + b"\0", b"\x30\x81" + der[1:], der[:-1], b"", b"\x30\x06\x02\x01\x00\x02\x01\x00"):
            yield jcs([{**entry, "sig": base64.b64encode(sig).decode()}])
        point = bytearray(base64.b64decode(entry["spki"]))
        point[-1] ^= 1
        key_id = hashlib.sha384(point).hexdigest()
        yield jcs([{**entry, "key_id": key_id, "spki": base64.b64encode(point).decode()}])
        yield jcs([{**entry, "alg": "ed25519"}])
        yield jcs([{**entry, "alg": "none"}])
        yield jcs([{**entry, "more": 1}])
        yield jcs([{**entry, "sig": entry["sig"] + "\n"}])
        yield jcs(entry)
        yield b" " + jcs([entry])
        for y in (0, 1, 2**255 - 20, 2**255 - 19 + 1):  # Ed25519: of small order, or not canonical
            spki = verify.ED25519_SPKI + y.to_bytes(32, "little")
            key_id = hashlib.sha384(spki).hexdigest()
            yield jcs([{"alg": "ed25519", "key_id": key_id, "sig": base64.b64encode(bytes(64)).decode(), "spki": base64.b64encode(spki).decode()}])

    def test_what_the_owner_of_a_key_may_not_say(self):
        """Header, manifest and SBOM with each member taken out or changed, and signed again."""
        reasons = collections.Counter()
        for what, data in self.lies():
            reasons[self.agree(data, self.key.public, what=what)] += 1
        print("pack: signed again:", dict(reasons))
        self.assertGreater(sum(reasons.values()), 150)
        self.assertGreaterEqual(set(reasons), {"manifest-invalid", "manifest-mismatch", "sbom-mismatch", "unknown-field", "incompatible"})

    def lies(self):
        for what, header in changed(Pack(self.hello).header):
            pack = Pack(self.hello)
            pack.header = header
            yield f"header: {what}", pack.signed(self.key)
        for path in ("manifest.json", "sbom.cdx.json"):
            for what, value in changed(json.loads(Pack(self.hello).files[path])):
                pack = Pack(self.hello)
                pack.files[path] = jcs(value)
                yield f"{path}: {what}", (pack.listed() if path == "manifest.json" else pack.counted()).signed(self.key)
        for path, data in (("source/x", b""), ("extra", b""), ("graphs/a.json", b"{}"), ("source/../x", b"")):
            pack = Pack(self.hello)
            pack.files[path] = data
            yield f"with {path}", pack.listed().signed(self.key)
        for path in list(Pack(self.hello).files)[:2]:
            pack = Pack(self.hello)
            del pack.files[path]
            yield f"without {path}", pack.listed().signed(self.key)

    def test_every_kind_that_the_tree_has_examples_of(self):
        """Built and signed by the real tool; then the lies about manifests that only these kinds can tell."""
        examples = ROOT / "config" / "examples"
        reasons, kinds = collections.Counter(), set()
        for source in sorted(path.parent for path in examples.rglob("manifest.yaml")):
            out = self.folder / f"{source.name}.sgpack"
            command = [STARGRAPH_PACK, "build", source, "--key", self.key.private, "--epoch", "1", "--out", out]
            built = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(built.returncode, 0, built.stderr)
            data = out.read_bytes()
            self.assertEqual(self.agree(data, self.key.public, what=source.name), "good")
            kinds.add(Pack(data).header["kind"])
            if Pack(data).header["kind"] == "rules":
                continue  # hello is one
            for what, manifest in changed(json.loads(Pack(data).files["manifest.json"])):
                pack = Pack(data)
                pack.files["manifest.json"] = jcs(manifest)
                reasons[self.agree(pack.listed().signed(self.key), self.key.public, what=f"{source.name}: {what}")] += 1
        print("pack: manifests of", ", ".join(sorted(kinds)), dict(reasons))
        self.assertGreaterEqual(kinds, {"rules", "execution"})
        self.assertGreater(reasons["manifest-invalid"], 50)

    def test_program_says_what_it_found(self):
        command = [sys.executable, PROGRAM, "pack", VECTORS / "hello.sgpack", "--json", "--pubkey", VECTORS / "hello.pub.pem"]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        self.assertEqual((found["ok"], found["id"], found["signers_judged"]), (True, "hello.rules", True))
        ended = subprocess.run([*command[:3], self.key.public], capture_output=True, text=True, check=False)
        self.assertEqual((ended.returncode, ended.stdout), (4, ""))


def changed(value):
    """Every place of a JSON value taken out, or changed into other values; (where, the whole value)."""
    for path, old in places(value):
        others = [None, "", 0, 1.5, [], {"x": 1}] if len(path) == 1 else [None, "x"]
        others += [old + 1, -1, 2**53 - 1] if type(old) is int else [old + "x", old.upper()] if type(old) is str else [[1]]
        for other in ["taken out", *others]:
            whole = copy.deepcopy(value)
            inner = whole
            for step in path[:-1]:
                inner = inner[step]
            if other == "taken out":
                del inner[path[-1]]
            else:
                inner[path[-1]] = other
            yield f"/{'/'.join(map(str, path))} {json.dumps(other)}", whole
    yield "one member more", {**value, "zzz": 1}


def places(value, path=()):
    items = value.items() if type(value) is dict else enumerate(value[:1]) if type(value) is list else ()
    for name, item in items:
        yield (*path, name), item
        yield from places(item, (*path, name))


if __name__ == "__main__":
    if not STARGRAPH_PACK and len(sys.argv) > 1:
        STARGRAPH_PACK = sys.argv.pop(1)
    if not STARGRAPH_PACK:
        sys.exit(__doc__)
    unittest.main()
