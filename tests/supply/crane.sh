#!/bin/sh
# Prints the path of crane, built from the go.mod and go.sum that the mirror's build gets it by, and cached outside the
# tree. Needs only go.
set -eu

if ! command -v go >/dev/null 2>&1; then
    echo "no go to build crane with" >&2
    exit 1
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
sources=$here/../../inferplan/cli/mirroring/worker
version=$(sed -n 's|^.*google/go-containerregistry \(v[0-9.]*\).*$|\1|p' "$sources/go.mod")
target=${XDG_CACHE_HOME:-$HOME/.cache}/inferplan/crane/$version
if [ ! -x "$target/crane" ]; then
    echo "building crane with go (once)" >&2
    mkdir -p "$target"
    cd "$sources"
    nice go build -mod=readonly -o "$target/crane.$$" github.com/google/go-containerregistry/cmd/crane >&2
    mv "$target/crane.$$" "$target/crane" # never leave half a file behind
fi
echo "$target/crane"
