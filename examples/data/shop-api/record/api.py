#!/usr/bin/env python3
"""The shop's API: small, in memory, Python's standard library only, with holes on purpose.

Holes: orders without an owner check (see `lacks_owner_check`), a login that a quote gets past, an endpoint in no
document (/api/recommendations), and one that only the previous document has (/api/basket).

usage: api.py PORT
"""
import hashlib
import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

SEED = "shop-api-1"
FIRST_ORDER = 100100
ADMIN = "admin@shop.example"

FIRST = """mia noah emma liam lena paul anna felix sofia jonas clara leon marie elias nora tim ida max ella ben
zoe karl lea oskar amelie hugo greta anton frida emil""".split()
LAST = """becker wagner hoffmann schulz koch bauer richter klein wolf neumann braun zimmermann krueger hartmann
lange obrien murphy rossi moreau silva novak jensen larsen kowalski dubois garcia costa meyer fischer weber""".split()
WARES = "kettle lamp desk chair mug teapot rug shelf clock vase bowl blanket mirror basket stool tray".split()


def canary(*parts):
    """A made-up secret: the same parts give the same text."""
    return "cnry-" + hashlib.sha256("|".join([SEED, *map(str, parts)]).encode()).hexdigest()[:16]


def accounts():
    out = []
    for i in range(360):
        first, last = FIRST[i % 30], LAST[(i * 7 + i // 30) % 30]
        out.append(f"{first}.{last}{i}@mail.example")
    return out


def password(email):
    return canary("password", email)


def own_orders():
    """account -> its order numbers; account 359 is a small firm with many orders."""
    out = {email: [] for email in accounts()}
    names = list(out)
    for n in range(1080):
        out[names[(n * 211) % 359]].append(FIRST_ORDER + n)
    for n in range(1080, 1094):
        out[names[359]].append(FIRST_ORDER + n)
    return out


def lacks_owner_check(order):
    return order % 5 in (0, 1, 3)


def is_deleted(order):
    return order % 17 == 4


ORDERS = own_orders()
OWNER = {order: email for email, orders in ORDERS.items() for order in orders}
PRODUCTS = [{"id": 1001 + i, "name": f"{WARES[i % 16]} {i}", "price": 900 + 37 * i} for i in range(120)]
SESSIONS = {}
LOGINS = {}
EMAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,100}\Z")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "shop", ""
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self, status, doc, user="", headers=()):
        data = json.dumps(doc).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if user:
            self.send_header("X-Api-User", user)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def session(self):
        bearer = self.headers.get("Authorization", "")
        if bearer.startswith("Bearer ") and bearer[7:] in SESSIONS:
            return SESSIONS[bearer[7:]]
        found = re.search(r"\bsid=([^;\s]+)", self.headers.get("Cookie", ""))
        return SESSIONS.get(found[1], "") if found else ""

    def fields(self):
        size = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(size).decode("utf-8", "replace")
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            return {k: v[-1] for k, v in parse_qs(text, keep_blank_values=True).items()}
        try:
            doc = json.loads(text or "{}")
        except ValueError:
            return {}
        return doc if isinstance(doc, dict) else {}

    def handle_any(self):
        fields = self.fields()
        split = urlsplit(self.path)
        path, query = unquote(split.path), parse_qs(split.query, keep_blank_values=True, errors="replace")
        user = self.session()
        time.sleep(0.002 + (hash(path) % 7) / 1000)
        key = (self.command, path)

        if key == ("POST", "/api/login"):
            return self.login(str(fields.get("email", "")), str(fields.get("password", "")))
        if path in ("/api/products", "/api/catalog") and self.command == "GET":
            page = int(query["page"][0]) if query.get("page", [""])[0].isdigit() else 0
            return self.answer(200, {"items": PRODUCTS[page * 12:page * 12 + 12], "page": page}, user)
        if key == ("GET", "/api/recommendations"):
            return self.answer(200, {"items": PRODUCTS[7:11]}, user)
        if key == ("GET", "/api/basket"):
            return self.answer(200, {"items": []}, user)
        if key == ("GET", "/api/search"):
            return self.search(query.get("q", [""])[0], user)
        if found := re.fullmatch(r"/api/products/(\d+)(/image|/reviews)?", path):
            return self.product(int(found[1]), found[2], query, user)
        if not path.startswith(("/api/orders", "/api/account", "/api/admin/users", "/api/logout")):
            return self.answer(404, {"error": "not found"}, user)
        if not user:
            return self.answer(401, {"error": "log in first"})
        if key == ("POST", "/api/logout"):
            return self.answer(200, {}, user, [("Set-Cookie", "sid=; Max-Age=0; Path=/api")])
        if path == "/api/account":
            return self.answer(200, {"email": user, "displayName": user.split(".")[0]}, user)
        if key == ("POST", "/api/account/password"):
            return self.answer(200, {}, user)
        if path == "/api/orders":
            if self.command == "POST":
                return self.answer(201, {"orderId": ORDERS[user][0] if ORDERS.get(user) else 0}, user)
            return self.answer(200, {"orders": ORDERS.get(user, [])}, user)
        if found := re.fullmatch(r"/api/orders/(\d+)(/invoice)?", path):
            order = int(found[1])
            if order not in OWNER or (is_deleted(order) and OWNER[order] != user):
                return self.answer(404, {"error": "no such order"}, user)
            if OWNER[order] != user and not lacks_owner_check(order):
                return self.answer(403, {"error": "not your order"}, user)
            return self.answer(200, {"orderId": order, "customer": OWNER[order], "total": 1900 + order % 700}, user)
        if found := re.fullmatch(r"/api/admin/users(?:/(\d+))?", path):
            if user != ADMIN:
                return self.answer(403, {"error": "administrators only"}, user)
            names = accounts()
            one = int(found[1]) if found[1] else None
            return self.answer(200, {"users": names[:20] if one is None else names[one:one + 1]}, user)
        return self.answer(404, {"error": "not found"}, user)

    def login(self, email, secret):
        time.sleep(0.02)
        shown = email if EMAIL.match(email) else ""
        known = email in ORDERS or email == ADMIN
        if not (known and (secret == password(email) or re.search(r"' or '1'='1'--", secret, re.I))):
            return self.answer(401, {"error": "wrong e-mail or password"}, shown)
        LOGINS[email] = nth = LOGINS.get(email, 0) + 1
        sid, token = canary("sid", email, nth), canary("bearer", email, nth)
        SESSIONS[sid] = SESSIONS[token] = email
        cookie = f"sid={sid}; Path=/api; HttpOnly; Secure; SameSite=Lax"
        self.answer(200, {"token": token}, shown, [("Set-Cookie", cookie)])

    def search(self, text, user):
        if "'" in text and re.search(r"\b(and|or|union|select|sleep|waitfor|order by)\b", text, re.I):
            if len(text) % 3 == 0:
                return self.answer(500, {"error": "internal"}, user)
        hits = [p for p in PRODUCTS if text and text.lower() in p["name"]][:10]
        self.answer(200, {"items": hits}, user)

    def product(self, number, part, query, user):
        if not 1001 <= number < 1121:
            return self.answer(404, {"error": "no such product"}, user)
        if part == "/image":
            name = query.get("file", [""])[0]
            known = name in ("front.jpg", "back.jpg") or name == "../../../../etc/passwd"
            return self.answer(200 if known else 404, {"file": name}, user)
        if part == "/reviews":
            return self.answer(201 if self.command == "POST" else 200, {"reviews": []}, user)
        self.answer(200, PRODUCTS[number - 1001], user)

    do_GET = do_POST = do_PATCH = do_HEAD = handle_any


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
