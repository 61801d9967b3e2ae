#!/bin/sh
# Prints the folder with promtool and prometheus, built from tests/cluster/prometheus/go.mod and cached outside the
# tree. Needs only go; the first build takes some minutes.
set -eu

if ! command -v go >/dev/null 2>&1; then
    echo "no go to build Prometheus with" >&2
    exit 1
fi

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)/prometheus
version=$(sed -n 's|^.*github.com/prometheus/prometheus \(v[0-9.]*\).*$|\1|p' "$here/go.mod")
target=${XDG_CACHE_HOME:-$HOME/.cache}/inferplan/prometheus/$version
mkdir -p "$target"
cd "$here"

for program in promtool prometheus; do
    [ -x "$target/$program" ] && continue
    echo "building $program with go (once)" >&2
    # Of the ways to find targets only the one that the plan uses: the others are whole clouds.
    nice go build -mod=readonly -tags remove_all_sd,enable_dns_sd -ldflags "-s -w" -o "$target/$program.$$" \
        "github.com/prometheus/prometheus/cmd/$program" >&2
    mv "$target/$program.$$" "$target/$program" # never leave half a file behind
done
echo "$target"
