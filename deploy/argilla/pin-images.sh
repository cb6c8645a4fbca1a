#!/bin/sh
# Writes behind each image of compose.yaml the digest that its registry has for its version now, so that nobody can put
# another image under that version. All are written, or none. With --check it writes nothing and tells what differs.
#     ./pin-images.sh            after a change of version, and once before the first start
#     ./pin-images.sh --check    every week: a version with another digest was built anew, mostly for a hole in its base
set -eu
cd "$(dirname "$0")"

case ${1:-} in
    '' | --check) ;;
    *) echo "pin-images: \"$1\" is no option; expected --check or nothing" >&2; exit 2 ;;
esac
partial=$(mktemp .compose.yaml.XXXXXX)
trap 'rm -f "$partial" "$partial.next"' EXIT
trap 'exit 1' TERM INT
cp -p compose.yaml "$partial" # its owner and rights too

for image in $(sed -n 's/^ *image: *\([^ ]*\).*/\1/p' compose.yaml | sort -u); do
    version=${image%@*}
    digest=$(timeout 120 docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$version") || digest=
    expr "$digest" : 'sha256:[0-9a-f]\{64\}$' > /dev/null || {
        echo "pin-images: no digest of $version from its registry; compose.yaml is as it was." \
            "Check the network, the version, and that \`docker buildx\` is there" >&2
        exit 1
    }
    [ "$image" = "$version@$digest" ] || echo "$image -> $version@$digest"
    quoted=$(printf '%s\n' "$image" | sed 's/[.]/\\./g')
    sed "s|^\( *image: *\)$quoted\( .*\)\{0,1\}$|\1$version@$digest\2|" "$partial" > "$partial.next"
    cat "$partial.next" > "$partial"
    rm "$partial.next"
done

if cmp -s compose.yaml "$partial"; then
    echo "pin-images: every image is pinned by the digest that its registry has"
elif [ "${1:-}" = --check ]; then
    echo "pin-images: ./pin-images.sh writes these, then: docker compose pull && docker compose up --detach --wait" >&2
    exit 1
else
    mv "$partial" compose.yaml
fi
