#!/usr/bin/env python3
"""A worker for the kinds of soc-triage: one task as JSON on stdin, the state patch as JSON on stdout.

Deterministic on purpose: the same alert gives the same patch on every machine. A real site puts its
inventory, model and response tooling here. Exit 0 with a patch, or 1 with the reason on stderr.
"""

import json
import sys

# asset -> tier, owner, earlier alerts on it
INVENTORY = {
    "build-runner-07": ("dev", "platform", ["SOC-2025-0911"]),
    "web-lab-02": ("dev", "research", []),
    "pay-api-01": ("prod", "payments", ["SOC-2025-0870", "SOC-2025-0902"]),
    "files-eu-03": ("prod", "storage", []),
    "dc-core-01": ("prod", "identity", ["SOC-2025-0644"]),
    "laptop-cfo-01": ("corp", "exec", []),
    "scanner-int-01": ("dev", "security", ["SOC-2025-0100", "SOC-2025-0101", "SOC-2025-0102"]),
}

# word in the signature -> risk band 0 to 3, and how sure the first and the second model are
SIGNATURES = [
    ("ransomware", 3, 0.97, 0.98),
    ("credential dumping", 3, 0.52, 0.91),
    ("malware", 2, 0.93, 0.95),
    ("phishing", 2, 0.88, 0.90),
    ("beacon", 2, 0.41, 0.83),
    ("port scan", 0, 0.95, 0.95),
]


def enrich(state, _config):
    tier, owner, priors = INVENTORY.get(state["asset_id"], ("unknown", "", []))
    return {"asset_tier": tier, "asset_owner": owner, "priors": priors}


def score(state, config):
    second = config.get("model") == "soc-severity-b"
    text = state["signature"].lower()
    for word, risk, first_confidence, second_confidence in SIGNATURES:
        if word in text:
            break
    else:
        risk, first_confidence, second_confidence = 1, 0.3, 0.5
    patch = {"risk": risk, "risk_confidence": second_confidence if second else first_confidence}
    if second:
        patch["second_opinion"] = True
    return patch


def decide(state, _config):
    risk, confidence = state["risk"], state["risk_confidence"]
    if state["asset_tier"] == "unknown":
        return {"disposition": "needs_human", "rationale": "The asset is not in the inventory."}
    if risk == 0 and confidence >= 0.6:
        return {"disposition": "dismiss", "rationale": f"Known benign pattern, {len(state['priors'])} earlier alerts."}
    if risk >= 2 and (confidence >= 0.6 or not state["second_opinion"]):
        return {"disposition": "auto_remediate", "rationale": f"Risk band {risk} at confidence {confidence}."}
    return {"disposition": "needs_human", "rationale": f"Confidence {confidence} decides nothing."}


def remediate(state, _config):
    return {"actions": [f"isolated {state['asset_id']}", f"blocked {state['source_ip']}"]}


KINDS = {"soc.enrich": enrich, "soc.score": score, "soc.decide": decide, "soc.remediate": remediate}


def main():
    task = json.load(sys.stdin)
    work = KINDS.get(task.get("kind"))
    if work is None:
        print("worker: this kind is not served here", file=sys.stderr)
        return 1
    json.dump(work(task["state"], task.get("config") or {}), sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
