#!/usr/bin/env python3
"""Derive per-class JSON Schemas (draft 2020-12) from a compiled OCSF schema.

    python3 derive.py COMPILED [OUT_DIR]

COMPILED is the output of ocsf-schema-compiler (plain JSON, or gzip when the
name ends in .gz). OUT_DIR defaults to the folder of this script. The output
depends on the input only: the same input gives the same bytes.
"""
import gzip
import json
import os
import sys

VERSION = "1.8.0"
PROFILES = {"security_control"}
CLASSES = ("http_activity", "api_activity", "detection_finding")
JSON_TYPES = {
    "string_t": "string",
    "integer_t": "integer",
    "long_t": "integer",
    "float_t": "number",
    "boolean_t": "boolean",
}


def load(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as f:
        return json.load(f)


class Deriver:
    def __init__(self, compiled):
        self.objects = compiled["objects"]
        self.classes = compiled["classes"]
        self.types = compiled["dictionary"]["types"]["attributes"]

    def base(self, name):
        """Follow a derived type (url_t, port_t, ...) down to its base type."""
        while "type" in self.types[name]:
            name = self.types[name]["type"]
        return name

    def attribute(self, a, refs):
        if a["type"] == "object_t":
            refs.add(a["object_type"])
            s = {"$ref": "#/$defs/" + a["object_type"].replace("/", "_")}
        else:
            b = self.base(a["type"])
            if b == "json_t":
                s = {}
            else:
                t = self.types[a["type"]]
                s = {"type": JSON_TYPES[b]}
                if a.get("enum"):
                    whole = b in ("integer_t", "long_t")
                    s["enum"] = sorted(int(k) if whole else k for k in a["enum"])
                if t.get("regex"):
                    s["pattern"] = t["regex"]
                if t.get("range"):
                    s["minimum"], s["maximum"] = t["range"]
        return {"type": "array", "items": s} if a.get("is_array") else s

    def item(self, x, refs):
        """A class or an object. Attributes of profiles we do not use are left out."""
        attrs = {
            k: a
            for k, a in x["attributes"].items()
            if not a.get("profiles") or PROFILES & set(a["profiles"])
        }
        constraints = x.get("constraints") or {}
        at_least_one = [k for k in constraints.get("at_least_one", []) if k in attrs]
        just_one = [k for k in constraints.get("just_one", []) if k in attrs]
        constrained = set(at_least_one) | set(just_one)
        s = {
            "type": "object",
            "properties": {k: self.attribute(a, refs) for k, a in attrs.items()},
            # The object called "object" has no attributes: it is the free-form one.
            "additionalProperties": not attrs,
        }
        required = sorted(
            k
            for k, a in attrs.items()
            if a.get("requirement") == "required" and k not in constrained
        )
        if required:
            s["required"] = required
        if at_least_one:
            s["anyOf"] = [{"required": [k]} for k in sorted(at_least_one)]
        if just_one:
            s["oneOf"] = [{"required": [k]} for k in sorted(just_one)]
        return s

    def schema(self, name):
        x = self.classes[name]
        refs = set()
        s = self.item(x, refs)
        s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        s["title"] = "OCSF %s %s (%d), profiles: %s" % (
            VERSION,
            x["caption"],
            x["uid"],
            ", ".join(sorted(PROFILES)),
        )
        s["properties"]["class_uid"] = {"const": x["uid"]}
        s["properties"]["category_uid"] = {"const": x["category_uid"]}
        defs, done = {}, set()
        while refs - done:
            o = min(refs - done)
            done.add(o)
            defs[o.replace("/", "_")] = self.item(self.objects[o], refs)
        s["$defs"] = defs
        return s


def render(s):
    """One line per property of the class and one per definition: small, yet it diffs."""

    def compact(v):
        return json.dumps(v, sort_keys=True, ensure_ascii=True, separators=(",", ":"))

    parts = []
    for k in sorted(s):
        v = s[k]
        if k in ("properties", "$defs"):
            rows = ",\n".join("  %s:%s" % (json.dumps(n), compact(v[n])) for n in sorted(v))
            parts.append("%s:{\n%s\n }" % (json.dumps(k), rows))
        else:
            parts.append("%s:%s" % (json.dumps(k), compact(v)))
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def main(argv):
    if len(argv) not in (2, 3):
        sys.exit(__doc__)
    compiled = load(argv[1])
    if compiled.get("version") != VERSION:
        sys.exit("expected OCSF %s, the file is %s" % (VERSION, compiled.get("version")))
    out = argv[2] if len(argv) == 3 else os.path.dirname(os.path.abspath(__file__))
    deriver = Deriver(compiled)
    for name in CLASSES:
        with open(os.path.join(out, name + ".schema.json"), "w", encoding="utf-8", newline="\n") as f:
            f.write(render(deriver.schema(name)))


if __name__ == "__main__":
    main(sys.argv)
