#!/bin/sh
# Prints the path of a pulumi command: the one on PATH, else one built from tests/engine/go.mod and cached
# outside the tree. Needs only go; the first build takes some minutes.
set -eu

if command -v pulumi >/dev/null 2>&1; then
    command -v pulumi
    exit 0
fi
if ! command -v go >/dev/null 2>&1; then
    echo "no pulumi on PATH, and no go to build one with" >&2
    exit 1
fi

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
version=$(sed -n 's|^.*github.com/pulumi/pulumi/pkg/v3 \(v[0-9.]*\).*$|\1|p' "$here/go.mod")
target=${XDG_CACHE_HOME:-$HOME/.cache}/inferplan/engine/$version/pulumi
if [ ! -x "$target" ]; then
    echo "building pulumi $version with go (once)" >&2
    mkdir -p "$(dirname "$target")"
    cd "$here"
    nice go build -mod=readonly -o "$target.$$" \
        -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$version" \
        github.com/pulumi/pulumi/pkg/v3/cmd/pulumi >&2
    mv "$target.$$" "$target" # never leave half a file behind
fi
echo "$target"
