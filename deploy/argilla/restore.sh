#!/bin/sh
# Makes the database what a dump holds, or leaves it as it is. Argilla and its worker must be stopped.
#     restore.sh 2026-01-05T030000Z-7391024418850119716.dump
#
# A dump is somebody's file. It is restored beside the database, by pg_restore and never by psql, which would run its
# \! on this machine, as a user without rights, who may run no program and read no file on the server's, and is looked
# at before it takes the database's place: Argilla's tables hold data and nothing that would run later.
set -eu
umask 077
backups=${BACKUPS:-/backups}
name=${1:?name one of: $(ls "$backups")}
dump=$backups/$name
beside=${PGDATABASE}_restoring
export PGCONNECT_TIMEOUT=15

refuse() {
    echo "restore: $1" >&2
    exit 1
}

# $1 a database, the statements by standard input: ours, never the dump's.
ask() {
    PGOPTIONS="-c client_min_messages=warning" \
        psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$1" --file=-
}

case $name in
    */* | -* | .*) refuse "\"$name\" is no name of a dump in $backups; name one of: $(ls "$backups")" ;;
esac
[ -f "$dump" ] || refuse "there is no $dump; name one of: $(ls "$backups")"
[ "$(head -c 5 "$dump" | tr -d '\0')" = PGDMP ] ||
    refuse "$name is no dump in PostgreSQL's custom format, as backup.sh writes it; a script could run anything here"

others=$(echo "select count(*) from pg_stat_activity where datname in ('$PGDATABASE', '$beside')
    and backend_type = 'client backend' and pid <> pg_backend_pid()" | ask "$PGDATABASE")
[ "$others" -eq 0 ] || refuse "$others others use the database; first: docker compose stop argilla worker"

clear() {
    echo "drop database if exists $beside; drop role if exists $beside;" | ask postgres
}
contents=$(mktemp)
trap 'clear || true; rm -f "$contents"' EXIT
trap 'exit 1' TERM INT
clear
password=$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
ask postgres <<SQL
create role $beside login nosuperuser nocreatedb nocreaterole noreplication password '$password';
create database $beside owner $beside template template0;
SQL
# A schema "public" is there already; a database that was restored by an older version of this script brings its own.
pg_restore --list "$dump" | grep -v ' SCHEMA - public ' > "$contents"
PGUSER=$beside PGPASSWORD=$password pg_restore --no-owner --no-privileges --no-subscriptions --no-publications \
    --exit-on-error --single-transaction --use-list="$contents" --dbname="$beside" "$dump" > /dev/null ||
    refuse "$name could not be restored; the database is as it was"

# Argilla works with all rights here, so nothing may come in that runs when it reads or writes.
found=$(ask "$beside" <<'SQL'
with ours as (select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
expressions (place, words) as (
    select adrelid::regclass, pg_get_expr(adbin, adrelid) from pg_attrdef
    union all select conrelid::regclass, pg_get_constraintdef(oid) from pg_constraint
        where contype = 'c' and connamespace in (select oid from ours)
    union all select indexrelid::regclass, concat(pg_get_expr(indexprs, indrelid), pg_get_expr(indpred, indrelid))
        from pg_index where indrelid >= 16384
)
select string_agg(distinct what, ', ') from (
    select 'a function' as what from pg_proc where pronamespace in (select oid from ours)
    union all select 'a trigger' from pg_trigger where not tgisinternal
    union all select 'a rule or a view' from pg_rewrite where ev_class >= 16384
    union all select 'a policy' from pg_policy
    union all select 'an operator' from pg_operator where oprnamespace in (select oid from ours)
    union all select 'a cast' from pg_cast where oid >= 16384
    union all select 'a domain or a range' from pg_type
        where typtype in ('d', 'r') and typnamespace in (select oid from ours)
    union all select 'an extension' from pg_extension where extname <> 'plpgsql'
    union all select 'an event trigger' from pg_event_trigger
    union all select 'a foreign server' from pg_foreign_server
    union all select 'a table that is kept elsewhere or in parts' from pg_class where relkind in ('f', 'p')
    union all select 'a statistic' from pg_statistic_ext
    union all select 'a call of ' || call[1] from expressions, regexp_matches(words, '([\w."]+)\s*\(', 'g') as call
        where lower(call[1]) not in ('nextval', 'now', 'lower', 'upper', 'coalesce', 'gen_random_uuid',
            'check', 'any', 'all', 'and', 'or', 'not', 'in', 'varchar', 'numeric')
) as seen
SQL
)
[ -z "$found" ] || refuse "$name holds $found, which Argilla's database has not; the database is as it was"

echo "reassign owned by $beside to current_user;" | ask "$beside"
# Both names change or neither; PostgreSQL refuses it while anybody is connected.
ask postgres <<SQL
begin;
alter database $PGDATABASE rename to ${beside}_over;
alter database $beside rename to $PGDATABASE;
commit;
drop database ${beside}_over;
SQL
echo "restore: the database is what $name holds; now start Argilla and make its search index anew"
