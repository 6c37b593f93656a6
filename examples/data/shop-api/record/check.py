#!/usr/bin/env python3
"""Writes truth.json for a fresh recording, and checks a recording against it.

usage: check.py OUT [DRIVEN.json]      with DRIVEN.json (from drive.py) truth.json is written anew
"""
import collections
import datetime
import ipaddress
import json
import math
import pathlib
import re
import sys

out = pathlib.Path(sys.argv[1])
PROXY = "192.0.2.10"
LOGS = ["access.ndjson", "access.log", "modsec-audit.ndjson"]
raw = {name: (out / name).read_bytes() for name in LOGS}
access = [json.loads(line) for line in raw["access.ndjson"].decode("utf-8").splitlines()]
audit_lines = [line for line in raw["modsec-audit.ndjson"].split(b"\n") if line.strip()]
audit = [json.loads(line.decode("utf-8", "replace"))["transaction"] for line in audit_lines]
seen = set(re.findall(r"cnry-[0-9a-f]{16}", b"\n".join(raw.values()).decode("latin-1")))


def client(line):
    hops = [hop.strip() for hop in line["x_forwarded_for"].split(",")]
    return hops[-1] if line["peer"] == PROXY else line["peer"]


def text(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


if len(sys.argv) > 2:
    driven = json.loads(pathlib.Path(sys.argv[2]).read_text())
    attackers = []
    for ip, (kind, start, end) in driven["attackers"].items():
        # A line's time is its request's end. Whole seconds outwards: logs differ in how fine their times are.
        times = [a["msec"] for a in access if client(a) == ip and start - 0.002 <= a["msec"] <= end + 0.002]
        attackers.append({"ip": ip, "kind": kind, "from": text(math.floor(times[0])), "to": text(math.ceil(times[-1]))})
    attackers.sort(key=lambda a: ipaddress.ip_address(a["ip"]))
    order = lambda ips: sorted(ips, key=lambda ip: (":" in ip, int(ipaddress.ip_address(ip))))
    unknown = seen - set(driven["secrets"])
    assert not unknown, f"secrets the driver does not know: {unknown}"
    truth = {"attackers": attackers, "framed": order(driven["framed"]), "benign": order(set(driven["benign"]) & {client(l) for l in access}), "canaries": sorted(seen)}
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")

truth = json.loads((out / "truth.json").read_text())
kinds = {a["ip"]: a["kind"] for a in truth["attackers"]}
benign = set(truth["benign"]) | set(truth["framed"])
failures = []


def must(ok, what):
    if not ok:
        failures.append(what)


by_client = collections.defaultdict(list)
for line in access:
    by_client[client(line)].append(line)
must(set(by_client) == set(kinds) | benign, f"clients: {set(by_client) ^ (set(kinds) | benign)}")
must(len(raw["access.log"].splitlines()) == len(access), "access.log has as many lines as access.ndjson")
must(len(benign) >= 250 and not benign & set(kinds), "benign clients")
must(set(truth["canaries"]) == seen, "canaries listed are those that occur")

# The join: every audit entry has its access line, and only one.
by_id = collections.Counter(line["request_id"] for line in access)
of_id = {line["request_id"]: line for line in access}
must(max(by_id.values()) == 1, "request ids are unique")
must(all(entry["unique_id"] in of_id for entry in audit), "every audit entry has an access line")
must(any(b"\xff" in line for line in audit_lines), "a line that is not UTF-8")

rules, audited = collections.defaultdict(collections.Counter), collections.Counter()
for entry in audit:
    who = client(of_id.get(entry["unique_id"], {"peer": "?", "x_forwarded_for": ""}))
    audited[who] += 1
    for message in entry["messages"]:
        rules[who][message["details"]["ruleId"]] += 1
tripped = {who: dict(rules[who]) for who in rules if who in benign}
must(list(tripped.values()) == [{"920350": 1}], f"benign clients and rules: {tripped}")

# Secrets: nothing that looks like one is anything else.
for line in access:
    for value in re.findall(r"(?:sid=|Bearer )([^;\s]+)", line["cookie"] + " " + line["authorization"]):
        must(value.startswith("cnry-"), f"a secret that is no canary: {value}")
    for value in re.findall(r"[?&](?:token|api_key)=([^&]*)", line["uri"]):
        must(value.startswith("cnry-"), f"a secret that is no canary: {value}")
for entry in audit:
    for value in re.findall(r'password"?[=:]\s*"?([^"&]*)', entry["request"].get("body", "")):
        must(value.startswith("cnry-"), f"a password that is no canary: {value}")
quoted = [m["details"]["data"] for e in audit for m in e["messages"] if "password: cnry-" in m["details"]["data"]]
must(any("json.password" in d for d in quoted) and any("ARGS:password" in d for d in quoted), "messages that quote a password")
must(any("cnry-" in str(e["response"].get("headers")) for e in audit), "a session in an audited response")


def densest(times, span):
    best = first = 0
    for last, at in enumerate(times):
        while at - times[first] > span:
            first += 1
        best = max(best, last - first + 1)
    return best


print(f"{len(access)} requests from {text(access[0]['msec'])} to {text(access[-1]['msec'])}; {len(audit)} audit entries, "
      f"{sum(line.decode('utf-8', 'replace').encode() != line for line in audit_lines)} of them not UTF-8")
for a in truth["attackers"]:
    lines = by_client[a["ip"]]
    print(a["ip"], a["kind"], len(lines), a["from"], a["to"], dict(collections.Counter(l["status"] for l in lines)),
          "audit", audited[a["ip"]], dict(rules[a["ip"]]))
print("benign:", len(truth["benign"]), "framed:", truth["framed"], "requests:", sum(len(by_client[b]) for b in benign),
      "statuses:", dict(collections.Counter(l["status"] for b in benign for l in by_client[b])))
print("through the proxy:", len({client(l) for l in access if l["peer"] == PROXY}), "IPv6:", sum(":" in b for b in benign))
most = collections.Counter()
for who in benign:
    lines = by_client[who]
    logins = [l for l in lines if l["uri"] == "/api/login"]
    stats = {
        "failed logins": sum(l["status"] == 401 for l in logins),
        "accounts": len({l["user"] for l in logins}),
        "orders": len({l["uri"].split("?")[0] for l in lines if re.match(r"/api/orders/\d", l["uri"])}),
        "orders in 60 s": densest(sorted({l["uri"]: l["msec"] for l in lines if re.match(r"/api/orders/\d", l["uri"])}.values()), 60),
        "404s": sum(l["status"] == 404 for l in lines),
        "403s": sum(l["status"] == 403 for l in lines),
        "requests": len(lines),
        "in 10 s": densest([l["msec"] for l in lines], 10),
        "in 1 s": densest([l["msec"] for l in lines], 1),
    }
    for name, value in stats.items():
        most[name] = max(most[name], value)
print("most of a benign client:", dict(most))
print("the proxy as a peer, in 10 s:", densest([l["msec"] for l in access if l["peer"] == PROXY], 10))
print("canaries:", len(truth["canaries"]))
for path in ["/api/catalog", "/api/recommendations", "/api/basket"]:
    print(path, sum(l["uri"].split("?")[0] == path for l in access))
for file in sorted(out.iterdir()):
    if file.is_file():
        print(f"{file.stat().st_size:>9} {file.name}")
for failure in sorted(set(failures)):
    print("FAILED:", failure)
sys.exit(bool(failures))
