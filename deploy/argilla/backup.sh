#!/bin/sh
# Dumps the database once a day into /backups. `backup.sh once` does it once; it exits with 0 when the dump is there.
# A dump has its name only when it is whole and has been read to its end: TIME-CLUSTER.dump, CLUSTER being the number
# that PostgreSQL gave itself when it was made, so that two servers may share a folder.
set -eu
umask 077
backups=${BACKUPS:-/backups}
seconds=${BACKUP_SECONDS:-7200}
export PGCONNECT_TIMEOUT=15

# Nothing here waits for ever, neither for a lock nor for a network that is gone; and a shell hears no signal while it
# waits for a program in front.
running=
limited() {
    timeout --kill-after=10 "$seconds" "$@" &
    running=$!
    wait "$running"
}

whole() {
    limited pg_restore --file=/dev/null "$1" 2> /dev/null
}

dump() {
    # Another backup may be at work: only what is older than any can be is left over.
    find "$backups" -maxdepth 1 -name '.*.partial' -mmin "+$((seconds / 30 + 2))" -delete
    cluster=$(limited psql --no-psqlrc --tuples-only --no-align --command \
        "select system_identifier from pg_control_system()")
    for try in 1 2 3; do
        name=$(date -u +%Y-%m-%dT%H%M%SZ)-$cluster.dump
        partial=$backups/.$name.partial
        # another backup of this second: take the next one's name
        [ ! -e "$backups/$name" ] && (set -C; : > "$partial") 2> /dev/null && break
        [ "$try" -lt 3 ] || { echo "backup: $backups/$name cannot be made, or is there already" >&2; exit 1; }
        sleep 1
    done
    trap 'rm -f "$partial"' EXIT
    trap '[ -z "$running" ] || kill "$running" 2> /dev/null || true; exit 1' TERM INT
    limited pg_dump --format=custom --no-owner --no-privileges --lock-wait-timeout=60s --file="$partial"
    whole "$partial" || { echo "backup: the dump cannot be read to its end" >&2; exit 1; }
    sync "$partial"
    mv -n "$partial" "$backups/$name" # never over another one
    [ ! -e "$partial" ] || { echo "backup: $name is there already" >&2; exit 1; }
    echo "backup: $name, $(wc -c < "$backups/$name") bytes"
    expire "$cluster"
}

# Deletes this server's dumps that are older than KEEP_DAYS by their names, but keeps KEEP_DAYS whole ones at least,
# however old. What another server, a person or an older version of this script put there stays.
expire() {
    oldest=$(date -u -d "$KEEP_DAYS days ago" +%Y-%m-%dT%H%M%SZ)
    kept=0
    for path in $(find "$backups" -maxdepth 1 -type f -name "????-??-??T??????Z-$1.dump" | sort -r); do
        name=${path##*/}
        if [ "$kept" -lt "$KEEP_DAYS" ]; then
            if whole "$path"; then kept=$((kept + 1)); else echo "backup: $name is damaged and does not count" >&2; fi
        elif expr "$name" \< "$oldest" > /dev/null; then
            rm -f "$path"
        fi
    done
}

case $KEEP_DAYS in
    '' | *[!0-9]* | 0*)
        echo "backup: BACKUP_KEEP_DAYS is \"$KEEP_DAYS\"; expected a whole number of at least 1" >&2
        exit 2
        ;;
esac
case ${1:-} in
    once) dump; exit ;;
    ?*) echo "backup: \"$1\" is no command; expected once, or nothing for every day" >&2; exit 2 ;;
esac
child=
trap '[ -z "$child" ] || kill "$child" 2> /dev/null || true; exit 0' TERM INT
while true; do
    sh "$0" once &
    child=$!
    if wait "$child"; then
        touch "${BACKUP_MADE:-/tmp/backup-made}" # the health check looks at its age
        pause=86400
    else
        echo "backup: failed; trying again in ten minutes" >&2
        pause=600
    fi
    sleep "$pause" &
    child=$!
    wait "$child"
done
