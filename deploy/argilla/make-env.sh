#!/bin/sh
# Writes .env beside this script: .env.example with every secret random, readable by its owner only.
set -eu
cd "$(dirname "$0")"
umask 077

if [ -e .env ]; then
    echo ".env is there already, and the database knows its passwords; docs/production.md says how to change them" >&2
    exit 1
fi

random() {
    head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'
}

owner=$(id -u):$(id -g)
[ "$owner" != 0:0 ] || owner=101:101 # the proxy and the backup run without root's rights
partial=$(mktemp .env.XXXXXX)
trap 'rm -f "$partial"' EXIT
while IFS= read -r line; do
    case $line in
        *_PASSWORD= | *_SECRET_KEY=) echo "$line$(random)" ;;
        OWNER=) echo "$line$owner" ;;
        *) echo "$line" ;;
    esac
done < .env.example > "$partial"
ln "$partial" .env # never over another one
mkdir -p backups certificates
chown "$owner" backups certificates
echo "wrote .env; put fullchain.pem and privkey.pem into certificates/, then: docker compose up --detach --wait"
