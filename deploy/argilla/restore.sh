#!/bin/sh
# Makes the database what a dump holds, or leaves it as it is: one transaction. Argilla and its worker must be stopped.
#     restore.sh 2026-01-05T030000Z.dump
set -eu
umask 077
backups=${BACKUPS:-/backups}
dump=$backups/${1:?name one of: $(ls "$backups")}

others=$(psql --no-psqlrc --tuples-only --no-align --command \
    "select count(*) from pg_stat_activity
     where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()")
if [ "$others" -ne 0 ]; then
    echo "restore: $others others use the database; first: docker compose stop argilla worker" >&2
    exit 1
fi
# Into a file first: a dump that breaks off inside a table would look to psql like that table's end.
sql=$(mktemp "$backups/.restore.XXXXXX")
trap 'rm -f "$sql"' EXIT
# What is there goes as a whole: a dump of an older version knows nothing of newer tables.
echo "drop schema public cascade; create schema public;" > "$sql"
pg_restore --no-owner --no-privileges --file=- "$dump" >> "$sql"
PGOPTIONS="-c client_min_messages=warning" \
    psql --no-psqlrc --quiet --output=/dev/null --single-transaction --set=ON_ERROR_STOP=1 --file="$sql"
echo "restore: the database is what $1 holds; now start Argilla and make its search index anew"
