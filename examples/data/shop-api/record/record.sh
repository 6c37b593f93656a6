#!/bin/sh
# Records the attack anew: nginx + ModSecurity 3 + OWASP CRS in front of api.py, drive.py as all the clients.
# Needs Debian 12 and root (packages, www-data); everything listens on loopback and stops at the end.
#
# usage: record.sh [OUT]      OUT: where the recording goes, default: the folder above this one
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
out=${1:-$(dirname -- "$here")}
export TZ=UTC LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

if ! dpkg -s nginx libnginx-mod-http-modsecurity modsecurity-crs >/dev/null 2>&1; then
    apt-get update
    apt-get install -y --no-install-recommends nginx libnginx-mod-http-modsecurity modsecurity-crs
fi

dir=$(mktemp -d)
api=
stop() {
    if [ -s "$dir/nginx.pid" ]; then kill "$(cat "$dir/nginx.pid")" || true; fi
    if [ -n "$api" ]; then kill "$api" || true; fi
    sleep 0.5
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM
chown www-data "$dir"

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
port=$(free_port)
api_port=$(free_port)
for conf in nginx.conf modsecurity.conf; do
    sed -e "s|@DIR@|$dir|g" -e "s|@PORT@|$port|g" -e "s|@API_PORT@|$api_port|g" "$here/$conf" >"$dir/$conf"
done

python3 "$here/api.py" "$api_port" &
api=$!
nginx -c "$dir/nginx.conf"
sleep 1
python3 "$here/drive.py" "$port" "$dir/driven.json"

# nginx writes a line when a request ends; stopping it gracefully flushes the last ones.
kill -QUIT "$(cat "$dir/nginx.pid")"
sleep 2
mkdir -p "$out"
cp "$dir/access.ndjson" "$dir/access.log" "$dir/modsec-audit.ndjson" "$out/"
python3 "$here/check.py" "$out" "$dir/driven.json"
