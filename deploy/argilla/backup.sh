#!/bin/sh
# Dumps the database once a day into /backups and deletes dumps older than KEEP_DAYS. `backup.sh once` does it once.
# A dump has its name only when it is whole and has been read to its end.
set -eu
umask 077
backups=${BACKUPS:-/backups}

dump() {
    rm -f "$backups"/.*.partial
    name=$(date -u +%Y-%m-%dT%H%M%SZ).dump
    pg_dump --format=custom --no-owner --no-privileges --file="$backups/.$name.partial"
    pg_restore --file=/dev/null "$backups/.$name.partial"
    mv "$backups/.$name.partial" "$backups/$name"
    find "$backups" -maxdepth 1 -name '*.dump' -mtime "+$KEEP_DAYS" ! -name "$name" -delete
    echo "backup: $name, $(wc -c < "$backups/$name") bytes"
}

if [ "${1:-}" = once ]; then
    dump
    exit
fi
trap 'exit 0' TERM INT
while true; do
    # not `if dump`: a shell does not stop at errors inside a condition
    sh "$0" once || echo "backup: failed; trying again in ten minutes" >&2
    [ -n "$(find "$backups" -maxdepth 1 -name '*.dump' -mmin -10)" ] && pause=86400 || pause=600
    sleep "$pause" &
    wait $!
done
