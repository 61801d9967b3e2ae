#!/bin/sh
# Prints the path of a real OCI registry: `registry` or `docker-registry` on PATH, else the program of Debian's package
# docker-registry, unpacked into a cache outside the tree without being installed.
set -eu

for name in docker-registry registry; do
    if command -v "$name" >/dev/null 2>&1 && "$name" --version 2>/dev/null | grep -q distribution; then
        command -v "$name"
        exit 0
    fi
done

target=${XDG_CACHE_HOME:-$HOME/.cache}/inferplan/registry
if [ ! -x "$target/docker-registry" ]; then
    if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-deb >/dev/null 2>&1; then
        echo "no registry on PATH, and no apt-get to fetch Debian's docker-registry with" >&2
        exit 1
    fi
    echo "fetching Debian's docker-registry (once)" >&2
    mkdir -p "$target"
    work=$(mktemp -d "$target/fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    cd "$work"
    if ! apt-get download -qq docker-registry >&2; then
        [ "$(id -u)" = 0 ] || exit 1
        apt-get update -qq >&2
        apt-get download -qq docker-registry >&2
    fi
    dpkg-deb -x docker-registry_*.deb tree
    mv tree/usr/bin/docker-registry "$target/docker-registry" # never leave half a file behind
fi
echo "$target/docker-registry"
