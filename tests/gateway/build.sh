#!/bin/sh
# Prints the folder of a built proxy, cached outside the tree: the pinned LiteLLM in a virtual environment, with
# Prisma's own engine in its WebAssembly form in place of a binary that no package index has; and Presidio in one
# of its own. PostgreSQL, Redis, Node and openssl are the system's; what is missing is installed with apt-get
# where that is possible.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
missing=""
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
command -v psql >/dev/null 2>&1 || missing="$missing postgresql-client"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
        echo "missing:$missing, and apt-get cannot install them here" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $missing >&2
fi

python=${PYTHON:-$(command -v python3.11 || command -v python3)}
digest=$(cat "$here"/*.txt "$here/models.py" "$here/engine/"* "$here/build.sh" | sha256sum | cut -c1-16)
target=${XDG_CACHE_HOME:-$HOME/.cache}/inferplan/gateway/$digest
if [ ! -e "$target/ready" ]; then
    echo "building the proxy from tests/gateway/requirements.txt (once)" >&2
    rm -rf "$target"
    mkdir -p "$target"
    "$python" -m venv "$target/venv"
    "$target/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        -r "$here/requirements.txt" >&2
    "$python" -m venv "$target/redaction"
    "$target/redaction/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        -r "$here/redaction.txt" >&2
    "$target/redaction/bin/python" "$here/models.py"
    cp "$here/engine/"* "$target/"
    (cd "$target" && npm ci --silent --ignore-scripts >&2)
    printf '#!/bin/sh\nexec node "%s/query_engine.js" "$@"\n' "$target" >"$target/query-engine"
    chmod +x "$target/query-engine"
    : >"$target/no-library"
    site=$("$target/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    sed '/binaryTargets/d' "$site/litellm/proxy/schema.prisma" >"$target/schema.prisma"
    PATH="$target/venv/bin:$PATH" PRISMA_QUERY_ENGINE_BINARY="$target/query-engine" \
        PRISMA_QUERY_ENGINE_LIBRARY="$target/no-library" PRISMA_SCHEMA_ENGINE_BINARY="$target/query-engine" \
        node "$target/node_modules/prisma/build/index.js" generate --schema "$target/schema.prisma" >&2
    touch "$target/ready"
fi
echo "$target"
