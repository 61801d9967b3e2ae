#!/bin/sh
# Prints the folder with etcd, kube-apiserver, kube-scheduler, kube-controller-manager and kubectl, built from
# tests/cluster/go.mod and cached outside the tree.
# Needs only go; the first build takes some minutes.
set -eu

if ! command -v go >/dev/null 2>&1; then
    echo "no go to build a Kubernetes control plane with" >&2
    exit 1
fi

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
version=$(sed -n 's|^.*k8s.io/kubernetes \(v[0-9.]*\).*$|\1|p' "$here/go.mod")
target=${XDG_CACHE_HOME:-$HOME/.cache}/inferplan/cluster/$version
mkdir -p "$target"
cd "$here"

build() { # name, package
    [ -x "$target/$1" ] && return
    echo "building $1 with go (once)" >&2
    nice go build -mod=readonly -o "$target/$1.$$" \
        -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" "$2" >&2
    mv "$target/$1.$$" "$target/$1" # never leave half a file behind
}
for program in kube-apiserver kube-scheduler kube-controller-manager kubectl; do
    build "$program" "k8s.io/kubernetes/cmd/$program"
done
build etcd ./etcd
echo "$target"
