#!/usr/bin/env python3
"""Every attack of the matrix on one log, as data, with what a verifier must say to it.

usage: mutations.py DIR    reads DIR/log, DIR/other (segments), DIR/audit.{pub,key}.pem; writes DIR/mutations.jsonl

A log is a list of items: the name of a segment where its file begins, else a line. A mutation is one JSON object:

  class    what kind of attack it is, for the count
  at, drop from which item how many are taken out
  insert   what stands there instead, each one of
             "text"                an item
             {"a": [from, to]}     items of the log itself, {"b": ...} of the other one
             {"edit": [item, offset, drop, "text"], "rehash": true|false}
                                   an item of the log with bytes exchanged, and then its entry_hash made right again
  anchor   whether the log's last checkpoint was carried out before
  expect   {"reason", "file", "line"}, or {"reason": "good", "tail": entries after the last checkpoint}

The C++ verifier (tests/unit/audit/matrix_test.cpp) and stargraph-verify (matrix_test.py) both read this file. What is
expected is worked out here from the attack and the documents, by neither of them.
"""

import base64
import hashlib
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

SAMPLE = 16  # of the attacks that chain everything anew, one in so many
OTHER_EVENT = {"stargraph-auditd": "audit.refused", "stargraphd": "node.failed", "stargraph-pack": "pack.retired"}
FOREIGN_EVENT = {"stargraph-auditd": "run.failed", "stargraphd": "pack.retired", "stargraph-pack": "run.failed"}
OTHER_SOURCE = {"stargraph-auditd": "stargraphd", "stargraphd": "stargraph-auditd", "stargraph-pack": "stargraphd"}
OTHER_OUTCOME = {"intent": "success", "success": "failure", "failure": "denied", "denied": "intent"}


def digest(domain, text):
    return hashlib.sha384(domain.encode() + b"\0" + text.encode()).hexdigest()


def jcs(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True).stdout


class Key:
    def __init__(self, private_path, algorithm="ed25519"):
        self.path, self.algorithm = str(private_path), algorithm
        self.key_id = hashlib.sha384(openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")).hexdigest()

    def sign(self, domain, text):
        with tempfile.NamedTemporaryFile() as file:
            file.write(domain.encode() + b"\0" + text.encode())
            file.flush()
            if self.algorithm == "ed25519":
                signature = openssl("pkeyutl", "-sign", "-inkey", self.path, "-rawin", "-in", file.name)
            else:
                signature = openssl("dgst", "-sha384", "-sign", self.path, file.name)
            return base64.b64encode(signature).decode()


def fields_of(line):
    return json.loads(line[: line.rindex(',"entry_hash"')] + "}")


def open_line(fields):
    """The line up to the closing quote of entry_hash, and that hash."""
    body = jcs(fields)[:-1]
    entry_hash = digest("stargraph.audit.entry.v1", body)
    return f'{body},"entry_hash":"{entry_hash}"', entry_hash


def signed(fields, key, claimed=None):
    text, _ = open_line(fields)
    signature = key.sign("stargraph.audit.checkpoint.v1", text)
    return f'{text},"key_id":"{claimed or key.key_id}","alg":"{key.algorithm}","signature":"{signature}"}}'


def tree(leaves):
    """Root and frontier, by the recursive definition of RFC 6962 and not by the incremental one of the verifiers."""

    def root(leaves):
        if len(leaves) == 1:
            return hashlib.sha384(b"\0" + leaves[0]).digest()
        split = 1 << (len(leaves) - 1).bit_length() - 1
        return hashlib.sha384(b"\1" + root(leaves[:split]) + root(leaves[split:])).digest()

    frontier, at = [], 0
    for bit in reversed(range(len(leaves).bit_length())):
        if len(leaves) >> bit & 1:
            frontier.append(root(leaves[at : at + (1 << bit)]).hex())
            at += 1 << bit
    return root(leaves).hex(), frontier


class Log:
    """The items and, for each line, what a verifier knows before it."""

    def __init__(self, folder):
        self.items, self.place = [], []  # place: (file, line)
        for path in sorted(folder.glob("audit-*.jsonl")):
            lines = path.read_text(encoding="utf-8").split("\n")[:-1]
            self.items += [path.name, *lines]
            self.place += [(path.name, number) for number in range(len(lines) + 1)]
        self.lines = [index for index, item in enumerate(self.items) if item.startswith("{")]
        self.fields = {index: fields_of(self.items[index]) for index in self.lines}
        self.checkpoints = [index for index in self.lines if self.fields[index]["event"] == "audit.checkpoint"]
        self.after = dict(zip(self.lines, self.lines[1:]))
        self.sources, self.tenants, self.times = {}, {}, {}
        sources, tenants, time = {}, {}, ""
        for index in self.lines:
            self.sources[index], self.tenants[index], self.times[index] = dict(sources), dict(tenants), time
            one = self.fields[index]
            sources[one["source"]], tenants[one["tenant"]], time = one["source_seq"], one["tenant_seq"], one["ts"]

    def tail(self, items):
        """Lines after the last checkpoint."""
        lines = [item for item in items if item.startswith("{")]
        return next((n for n, item in enumerate(reversed(lines)) if '"signature":' in item), len(lines))


class Writer:
    def __init__(self, folder):
        self.log, self.other = Log(folder / "log"), Log(folder / "other")
        self.key = Key(folder / "audit.key.pem")
        self.out = (folder / "mutations.jsonl").open("w", encoding="utf-8")
        self.folder = folder

    def emit(self, kind, at, drop, insert, expect, anchor=False):
        row = {"class": kind, "at": at, "drop": drop, "insert": insert, "anchor": anchor, "expect": expect}
        self.out.write(json.dumps(row, ensure_ascii=False) + "\n")

    def bad(self, reason, index):
        file, line = self.log.place[index]
        return {"reason": reason, "file": file, "line": line}

    def good(self, tail):
        return {"reason": "good", "tail": tail}

    # --- one line changed ---

    def edit(self, kind, index, old, new, plain, rehashed):
        """The first `old` of the line becomes `new`; once as it is, once with the line's hash made right again."""
        line = self.log.items[index]
        offset = line.index(old)
        at = len(line[:offset].encode())
        change = [index, at, len(old.encode()), new]
        self.emit(kind, index, 1, [{"edit": change, "rehash": False}], plain)
        if rehashed is not None:
            self.emit(kind + ", hashed anew", index, 1, [{"edit": change, "rehash": True}], rehashed)

    def seen_next(self, index):
        """A change of what only hashes hold: the signature tells, or the next line, or nobody before the next checkpoint."""
        if index in self.log.checkpoints:
            return self.bad("BAD_SIGNATURE", index)
        if index in self.log.after:
            return self.bad("PREVIOUS_MISMATCH", self.log.after[index])
        return self.good(self.log.tail(self.log.items))

    def change_fields(self):
        for index in self.log.lines:
            one = self.log.fields[index]
            here = lambda reason, index=index: self.bad(reason, index)  # noqa: E731
            hashed, after, first = here("HASH_MISMATCH"), self.seen_next(index), index == self.log.lines[0]
            checkpoint = index in self.log.checkpoints

            def member(name, value, plain, rehashed, index=index, one=one):
                self.edit(name, index, f'"{name}":{jcs(one[name])}', f'"{name}":{jcs(value)}', plain, rehashed)

            member("actor", one["actor"] + "y", hashed, after)
            member("outcome", OTHER_OUTCOME[one["outcome"]], hashed, after)
            run = "01a1ffb0-0000-7000-8000-00000000000f" if one["run_id"] is None else None
            member("run_id", run, hashed, after)
            moved = here("MALFORMED") if checkpoint or first else after
            member("event", OTHER_EVENT[one["source"]], here("MALFORMED") if checkpoint else hashed, moved)
            if not checkpoint and not first:
                member("event", FOREIGN_EVENT[one["source"]], hashed, here("MALFORMED"))
            member("event", "run.invented", here("MALFORMED"), None)
            for name in ("seq", "source_seq", "tenant_seq"):
                member(name, one[name] + 1, hashed, here("GAP"))
            for name in ("previous_hash", "tenant_previous_hash"):
                member(name, "0" * 96, hashed, here("PREVIOUS_MISMATCH"))
            self.change_owner(index, one, member, hashed, here)
            member("ts", "2020" + one["ts"][4:], hashed, after if first else here("MALFORMED"))
            member("ts", "2999" + one["ts"][4:], hashed, after)
            member("v", 2, here("MALFORMED"), None)
            self.change_data(index, one, hashed, after, first)
            self.change_end(index, checkpoint, here)

    def change_owner(self, index, one, member, hashed, here):
        source = OTHER_SOURCE[one["source"]]
        in_place = self.log.sources[index].get(source, 0) + 1 == one["source_seq"]
        if index == self.log.lines[0]:
            expected = here("MALFORMED")  # its number is 1, but it is no entry of that source
        else:
            expected = here("MALFORMED" if in_place else "GAP")
        member("source", source, hashed, expected)
        tenant = "lab" if one["tenant"] != "lab" else "soc"
        in_place = self.log.tenants[index].get(tenant, 0) + 1 == one["tenant_seq"]
        member("tenant", tenant, hashed, here("PREVIOUS_MISMATCH" if in_place else "GAP"))

    def change_data(self, index, one, hashed, after, first):
        for name, value in one["data"].items():
            old = f"{jcs(name)}:{jcs(value)}"
            new = value + 1 if type(value) is int else value + "0" if type(value) is str else "other"
            expected = after
            if first and name in ("install_id", "key_id"):
                expected = self.bad("PREVIOUS_MISMATCH" if name == "install_id" else "UNKNOWN_KEY", index)
            self.edit("data", index, old, f"{jcs(name)}:{jcs(new)}", hashed, expected)
        more = "" if not one["data"] else ","
        self.edit("data", index, '"data":{', f'"data":{{"!":0{more}', hashed, after)
        malformed = self.bad("MALFORMED", index)
        self.edit("data", index, '"data":{', f'"data":{{"entry_hash":0{more}', malformed, malformed)
        self.edit("form", index, '"data":{', '"data": {', malformed, malformed)
        self.edit("form", index, '{"actor":', '{"actor":"x","actor":', malformed, malformed)
        self.edit("form", index, ',"v":1', ',"v":1,"w":1', malformed, malformed)

    def change_end(self, index, checkpoint, here):
        line = self.log.items[index]
        start = line.rindex('"entry_hash"')
        entry_hash = line[start : start + 15 + 95]
        flipped = entry_hash[:-1] + ("0" if entry_hash[-1] != "0" else "1")
        self.edit("entry_hash", index, entry_hash, flipped, here("HASH_MISMATCH"), None)
        if not checkpoint:
            return
        for name, reason, change in (
            ("key_id", "UNKNOWN_KEY", lambda text: "0" * 96),
            ("alg", "BAD_SIGNATURE", lambda text: "ecdsa-p384-sha384"),
            ("alg", "MALFORMED", lambda text: "none"),
            ("signature", "BAD_SIGNATURE", lambda text: ("B" if text[0] == "A" else "A") + text[1:]),
            ("signature", "MALFORMED", lambda text: text[:-1]),
        ):
            begin = line.rindex(f'"{name}":"') + len(name) + 4
            text = line[begin : line.index('"', begin)]
            row = [index, len(line[:begin].encode()), len(text), change(text)]
            self.emit(name, index, 1, [{"edit": row, "rehash": False}], here(reason))
        signature = line.index(',"key_id":', start)
        row = [index, len(line[:signature].encode()), len(line[signature:].encode()), "}"]
        self.emit("signature", index, 1, [{"edit": row, "rehash": False}], here("MALFORMED"))

    def odd_forms(self):
        """What a line may hold and what not, to the byte: hashes right, so that only its form can be at fault."""
        log = self.log
        index = next(line for line in log.lines if log.fields[line]["data"] and log.fields[line]["source"] == "stargraphd")
        one, malformed, fine = log.fields[index], self.bad("MALFORMED", index), self.bad("PREVIOUS_MISMATCH", log.after[index])
        deep = lambda depth: "[" * depth + "0" + "]" * depth  # noqa: E731
        line, room = log.items[index], 65_535 - len(log.items[index].encode())
        for value, good in (
            ("1.0", False), ("1e2", False), ("1.5", False), ("-0", False), ("01", False), ("+1", False), ("0x1", False), ("NaN", False),
            ("-Infinity", False), ("9007199254740991", True), ("9007199254740992", False), ("-9007199254740991", True),
            ("-9007199254740992", False), ("9" * 400, False), ("true", True), ("True", False), ("null", True), ('""', True),
            ("[]", True), ("{}", True), ("[1,]", False), ("[1, 2]", False), ("", False), ("'x'", False), ('"x', False),
            ('"\\u0000"', False), ('"\\u0001"', True), ('"\\u001F"', False), ('"\\u001f"', True), ('"\\t"', True), ('"\\u0009"', False),
            ('"\t"', False), ('"\\/"', False), ('"\\u0041"', False), ('"\\u00e9"', False), ('"\u00e9"', True), ('"\u007f"', True),
            ('"\u2028"', True), ('"\\ud800"', False), ('"\\ud83d\\ude00"', False), ('"\U0001f600"', True), ('"\\x41"', False),
            ('"\ufeff"', True), ('"\r"', False), ('{"a":1,"a":1}', False), ('{"b":1,"a":1}', False), ('{"a":1,"b":1}', True),
            ('{"":1}', False), ('{" ":1}', True), ('{"\u00e9":1}', False), ('{"\\u0061":1}', False), ('{"~":1}', True),
            ('{"%s":1}' % ("n" * 128), True), ('{"%s":1}' % ("n" * 129), False), ('{"entry_hash":1}', False), ('{"entry_hashes":1}', True),
            ('",\\"entry_hash\\":"', True), (deep(15), True), (deep(16), False), (deep(40_000 // 2), False),
            ('"%s"' % ("x" * (room - 7)), True), ('"%s"' % ("x" * (room - 6)), False),
        ):  # fmt: skip
            at = line.index('"data":{') + len('"data":{')
            row = [index, len(line[:at].encode()), 0, f'"!":{value},']
            self.emit("odd values", index, 1, [{"edit": row, "rehash": True}], fine if good else malformed)
        for name, value, good in (
            ("actor", "", False), ("actor", "x" * 256, True), ("actor", "x" * 257, False), ("actor", "\u00e9" * 128, True),
            ("actor", "\u00e9" * 129, False), ("actor", 'a"\n\x1b[2J', True), ("actor", "a\0", False), ("actor", None, False), ("actor", 1, False),
            ("data", [], False), ("data", None, False), ("data", {}, True), ("event", "Run.started", False), ("event", "", False),
            ("outcome", "maybe", False), ("outcome", None, False), ("run_id", "", False), ("run_id", "-" * 36, False),
            ("run_id", "01A1FFB0-0000-7000-8000-00000000000F", False), ("run_id", "01a1ffb000007000800000000000000f", False),
            ("run_id", "01a1ffb0-0000-7000-8000-00000000000", False), ("run_id", "01a1ffb-00000-7000-8000-00000000000f", False),
            ("run_id", 1, False), ("source", "stargraph", False), ("source", None, False), ("tenant", "", False), ("tenant", "--", False),
            ("tenant", "Soc", False), ("tenant", ".a", False), ("tenant", "a" * 65, False), ("tenant", "a b", False), ("tenant", "\u00e9", False),
            ("seq", 0, False), ("seq", -1, False), ("seq", 2**53, False), ("seq", "1", False), ("seq", True, False), ("seq", None, False),
            ("source_seq", 0, False), ("tenant_seq", 0, False), ("v", 0, False), ("v", "1", False), ("v", True, False),
            ("previous_hash", "A" * 96, False), ("previous_hash", "a" * 95, False), ("previous_hash", "a" * 98, False),
            ("tenant_previous_hash", None, False), ("ts", "2999-02-29T00:00:00.000000Z", False), ("ts", "2996-02-29T00:00:00.000000Z", True),
            ("ts", "2999-01-01T00:00:60.000000Z", False), ("ts", "2999-01-01T24:00:00.000000Z", False), ("ts", "2999-01-01T00:00:00.00000Z", False),
            ("ts", "2999-01-01T00:00:00.0000000Z", False), ("ts", "2999-01-01T00:00:00Z", False), ("ts", "2999-01-01T00:00:00.000000z", False),
            ("ts", "2999-01-01t00:00:00.000000Z", False), ("ts", "2999-01-01T00:00:00.000000+00:00", False), ("ts", "2999-13-01T00:00:00.000000Z", False),
            ("ts", "2999-00-01T00:00:00.000000Z", False), ("ts", "2999-01-00T00:00:00.000000Z", False), ("ts", "2999-01-01 00:00:00.000000Z", False),
            ("ts", 1, False), ("ts", "", False), ("ts", "9999-12-31T23:59:59.999999Z", True),
        ):  # fmt: skip
            old, new = f'"{name}":{jcs(one[name])}', f'"{name}":{jcs(value)}'
            row = [index, len(line[: line.index(old)].encode()), len(old.encode()), new]
            self.emit("odd members", index, 1, [{"edit": row, "rehash": True}], fine if good else malformed)
        self.odd_ends(index, malformed)

    def odd_ends(self, index, malformed):
        line = self.log.items[index]
        entry_hash = line[line.rindex(',"entry_hash":"') + 15 :][:96]
        checkpoint = self.log.checkpoints[0]
        signature = self.log.items[checkpoint][self.log.items[checkpoint].rindex(',"key_id"') :]
        for text in (
            line + "}", line + " ", line + "\r", line[:-1], line[:-1] + ',"x":1}', line[:-1] + signature, "{" + line, "{ " + line[1:],
            line.replace(entry_hash, entry_hash.upper()), line.replace(entry_hash, entry_hash[:-1]), line.replace('"entry_hash":"', '"entry_hash": "'),
            line[: line.rindex(',"entry_hash"')] + "}", "{", "{}", "{" + "[" * 60_000, '{"a":' * 12_000, "{" + "x" * 65_534, "{" + "x" * 65_535,
            line.replace('"v":1', '"v":1,"v":1'), line.replace(',"entry_hash"', ',"entry_hash":"' + entry_hash + '","entry_hash"'),
        ):  # fmt: skip
            self.emit("odd ends", index, 1, [text], malformed)
        line, bad = self.log.items[checkpoint], self.bad("MALFORMED", checkpoint)
        base64_text = line[line.rindex(':"') + 2 : -2]
        for text in (
            base64_text.rstrip("="), base64_text + "=", base64_text[:40] + "\\n" + base64_text[40:], base64_text[:40] + " " + base64_text[40:], "",
            base64_text[:-3] + chr(ord(base64_text[-3]) + 1) + "==", "-" + base64_text[1:], "A" * 2048,
        ):  # fmt: skip
            self.emit("odd ends", checkpoint, 1, [line.replace(base64_text, text)], bad)
        moved = line.replace(',"alg":"ed25519"', "", 1).replace(',"key_id":"' + self.key.key_id, ',"alg":"ed25519","key_id":"' + self.key.key_id)
        no_hex = line.replace(f'"key_id":"{self.key.key_id[:8]}', f'"key_id":"{self.key.key_id[:7]}g')
        for text in (no_hex, moved, line.replace(',"alg":"ed25519"', ""), line[:-1] + ',"more":1}', line.replace(',"alg"', ', "alg"')):
            self.emit("odd ends", checkpoint, 1, [text], bad)

    # --- lines moved ---

    def move_lines(self):
        log = self.log
        for index in log.lines:
            after = log.after.get(index)
            # The next line now stands where this one stood, unless it begins a file.
            same_file = after is not None and log.place[after][0] == log.place[index][0]
            gap = self.bad("GAP", index if same_file else after) if after else self.good(log.tail(log.items[:index]))
            self.emit("deleted", index, 1, [], gap)
            end = len(log.items)
            file, line = log.place[index]
            self.emit("doubled", index, 1, [{"a": [index, index + 1]}] * 2, {"reason": "GAP", "file": file, "line": line + 1})
            if after:
                between = [{"a": [index + 1, after]}] if after > index + 1 else []
                swapped = [{"a": [after, after + 1]}, *between, {"a": [index, index + 1]}]
                self.emit("swapped", index, after + 1 - index, swapped, self.bad("GAP", index))
            self.cut(index, end)

    def cut(self, index, end):
        log = self.log
        kept = log.items[:index]
        signed_before = any(checkpoint < index for checkpoint in log.checkpoints)
        last = max((line for line in log.lines if line < index), default=None)
        file, line = log.place[index - 1]
        if log.items[index - 1] == log.place[index][0]:
            line = 0  # the file is there and empty
        truncated = {"reason": "TRUNCATED", "file": file, "line": line if last is not None else 0}
        held = self.good(log.tail(kept))
        self.emit("cut", index, end - index, [], held if signed_before else truncated)
        anchored = log.checkpoints[-1] < index
        self.emit("cut, against an anchor", index, end - index, [], held if anchored else truncated, anchor=True)

    def move_segments(self):
        log = self.log
        starts = [index for index, item in enumerate(log.items) if item == log.place[index][0] and log.place[index][1] == 0]
        parts = list(zip(starts, [*starts[1:], len(log.items)]))
        for count in range(1, len(parts) + 1):
            for order in itertools.permutations(range(len(parts)), count):
                if order == tuple(range(count)):
                    continue
                wrong = next(n for n, part in enumerate(order) if part != n)
                gap = {"reason": "GAP", "file": log.items[parts[order[wrong]][0]], "line": 1}
                self.emit("segments", 0, len(log.items), [{"a": list(parts[part])} for part in order], gap)

    # --- two logs ---

    def join_logs(self):
        log, other, end = self.log, self.other, len(self.log.items)
        for index in log.lines:
            wrong = index if index != log.lines[0] else log.after[index]
            rest = [{"b": [index, len(other.items)]}]
            if index != log.lines[0]:
                self.emit("joined", index, end - index, rest, self.bad("PREVIOUS_MISMATCH", wrong))
            else:  # a whole log by the same key: only who carried a checkpoint out knows that it is another
                kind = "another whole log, against a carried-out checkpoint"
                self.emit(kind, index, end - index, rest, self.bad("FORK", log.checkpoints[-1]), anchor=True)
            self.emit("one line of another log", index, 1, [{"b": [index, index + 1]}], self.bad("PREVIOUS_MISMATCH", wrong))
        for one, kind in (("a", "the same log again"), ("b", "another log behind")):
            name, count = log.place[-1]
            gap = {"reason": "GAP", "file": name, "line": count + 1}
            self.emit(kind, end, 0, [{one: [1, 2]}], gap)

    # --- chained anew ---

    def chained(self, start, change, drop=False, until=None, key=None, claimed=None):
        """Items from `start` on with `change` made to its fields and everything after it chained anew: numbers, hashes,
        and with a key trees and signatures too; without, the old signatures stay."""
        log, items, fixed = self.log, [], {}
        hashes = [log.items[line][log.items[line].rindex('"entry_hash"') + 14 :][:96] for line in log.lines if line < start]
        tenant_hash, tenant_seq, source_seq, last_checkpoint = {}, dict(log.tenants[start]), dict(log.sources[start]), None
        for line, text in zip((line for line in log.lines if line < start), hashes):
            tenant_hash[log.fields[line]["tenant"]] = text
            last_checkpoint = text if line in log.checkpoints else last_checkpoint
        genesis = log.fields[log.lines[0]]["previous_hash"]
        for index in range(start, len(log.items) if until is None else until + 1):
            if index not in log.fields:
                items.append(log.items[index])
                continue
            one = json.loads(json.dumps(log.fields[index]))
            if index == start:
                if drop:
                    continue
                change(one)
                if start == log.lines[0]:
                    genesis = digest("stargraph.audit.genesis.v1", jcs({n: one["data"][n] for n in ("install_id", "key_id")}))
            tenant = one["tenant"]
            one["seq"] = len(hashes) + 1
            one["source_seq"] = source_seq[one["source"]] = source_seq.get(one["source"], 0) + 1
            one["tenant_seq"] = tenant_seq[tenant] = tenant_seq.get(tenant, 0) + 1
            one["previous_hash"] = hashes[-1] if hashes else genesis
            begin = jcs({"genesis": genesis, "tenant": tenant})
            one["tenant_previous_hash"] = tenant_hash.get(tenant) or digest("stargraph.audit.tenant.v1", begin)
            if one["event"] == "audit.checkpoint":
                root, frontier = tree([bytes.fromhex(text) for text in hashes])
                heads = [(name, tenant_seq[name] - (name == tenant)) for name in sorted(tenant_hash)]
                leaves = [{"hash": tenant_hash[name], "tenant": name, "tenant_seq": number} for name, number in heads]
                tenants, _ = tree([jcs(leaf).encode() for leaf in leaves])
                one["data"].update(size=len(hashes), root=root, frontier=frontier, previous_checkpoint=last_checkpoint)
                one["data"].update(tenants=tenants)
            text, entry_hash = open_line(one)
            if one["event"] != "audit.checkpoint":
                text += "}"
            elif key is None:
                old = log.items[index]
                text += old[old.rindex(',"key_id":') :]
            else:
                text, fixed[index] = signed(one, key, claimed), True
            if one["event"] == "audit.checkpoint":
                last_checkpoint = entry_hash
            tenant_hash[tenant] = entry_hash
            hashes.append(entry_hash)
            items.append(text)
        return items

    def chain_anew(self):
        """By somebody without the key: all right up to the next signature."""
        log = self.log
        for index in log.lines[1::SAMPLE] + log.lines[-3:]:
            until = next((line for line in log.checkpoints if line >= index), None)
            drop = (until or len(log.items) - 1) + 1 - index
            items = self.chained(index, lambda one: one.update(actor="mallory"), until=until)
            expect = self.bad("BAD_SIGNATURE", until) if until else self.good(log.tail(log.items))
            self.emit("chained anew without the key", index, drop, items, expect)
            if index == until:
                continue
            items = self.chained(index, None, drop=True, until=until)
            expect = self.good(log.tail(log.items) - 1)
            if until:
                file, line = log.place[until]
                same_file = log.place[index][0] == file
                expect = {"reason": "BAD_SIGNATURE", "file": file, "line": line - 1 if same_file else line}
            self.emit("deleted and chained anew without the key", index, drop, items, expect)

    def chain_with_keys(self):
        log, end, first = self.log, len(self.log.items), self.log.lines[0]
        path = self.folder / "mallory.key.pem"
        openssl("genpkey", "-algorithm", "ed25519", "-out", str(path))
        mallory, checkpoint = Key(path), log.checkpoints[0]
        cases = (
            (lambda one: one["data"].update(key_id=mallory.key_id), None, self.bad("UNKNOWN_KEY", first)),
            (lambda one: None, None, self.bad("UNKNOWN_KEY", checkpoint)),
            (lambda one: None, self.key.key_id, self.bad("BAD_SIGNATURE", checkpoint)),
        )
        for change, claimed, expect in cases:
            items = self.chained(first, change, key=mallory, claimed=claimed)
            self.emit("all chained anew with another key", first, end - first, items, expect)
        for index in (log.lines[0], log.lines[1], log.lines[len(log.lines) // 2], log.checkpoints[-1]):
            name = "right key, against a carried-out checkpoint"
            items = self.chained(index, lambda one: one.update(actor="mallory"), key=self.key)
            self.emit(name, index, end - index, items, self.bad("FORK", log.checkpoints[-1]), anchor=True)
        items = self.chained(log.lines[-1], lambda one: one.update(actor="mallory"), key=self.key)
        self.emit("behind the carried-out checkpoint", log.lines[-1], 1, items, self.good(log.tail(log.items)), anchor=True)

    def lying_checkpoints(self):
        """Signed by the right key, and untrue."""
        for index in self.log.checkpoints:
            for name, value in self.log.fields[index]["data"].items():
                one = json.loads(json.dumps(self.log.fields[index]))
                other = value + 1 if type(value) is int else [*value, "a" * 96] if type(value) is list else "a" * 96
                one["data"][name] = other
                self.emit("right key, untrue checkpoint", index, 1, [signed(one, self.key)], self.bad("ROOT_MISMATCH", index))
            one["data"] = {**self.log.fields[index]["data"], "more": 1}
            self.emit("right key, untrue checkpoint", index, 1, [signed(one, self.key)], self.bad("MALFORMED", index))

    def added_tail(self):
        """Entries behind the last checkpoint, as anybody can write them: told up to 256, refused beyond."""
        log, end = self.log, len(self.log.items)
        model, tail = log.fields[log.lines[-1]], log.tail(log.items)
        previous = log.items[log.lines[-1]][log.items[log.lines[-1]].rindex('"entry_hash"') + 14 :][:96]
        items, tenant_previous = [], previous
        name, count = log.place[-1]
        for n in range(1, 258 - tail):
            one = {**model, "actor": "mallory", "previous_hash": previous, "tenant_previous_hash": tenant_previous}
            one |= {member: model[member] + n for member in ("seq", "source_seq", "tenant_seq")}
            text, previous = open_line(one)
            tenant_previous = previous
            items.append(text + "}")
            expect = self.good(tail + n)
            if tail + n > 256:
                expect = {"reason": "BAD_SIGNATURE", "file": name, "line": count + n}
            if n % SAMPLE == 0 or tail + n >= 256:
                self.emit("added without the key", end, 0, list(items), expect)


def main(folder):
    writer = Writer(pathlib.Path(folder))
    writer.change_fields()
    writer.odd_forms()
    writer.move_lines()
    writer.move_segments()
    writer.join_logs()
    writer.chain_anew()
    writer.chain_with_keys()
    writer.lying_checkpoints()
    writer.added_tail()
    writer.out.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.split("\n\n")[1])
    main(sys.argv[1])
