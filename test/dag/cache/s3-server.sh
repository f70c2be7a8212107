#!/usr/bin/env bash
# A real S3 server on loopback: versitygw, over a folder, built once with Go from Go's module proxy. Stop it: kill the pid in DIR/pid.
# usage: s3-server.sh DIR PORT ACCESS_KEY SECRET_KEY    (`s3-server.sh build` only builds)
set -euo pipefail
version=v1.8.0 needs=1.25
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bitwidth-tests/versitygw-$version
binary=$cache/versitygw

build() {
  local go=go found
  mkdir -p "$cache"
  found=$(go version | sed -nE 's/^go version go([0-9]+\.[0-9]+).*/\1/p')
  if [ "$(printf '%s\n' "$needs" "$found" | sort -V | head -n 1)" != "$needs" ]; then
    # A Go before 1.21 does not bring the one that a program needs, but it can fetch it as a module, checked against the checksum database.
    local dir
    dir=$(GOPATH=$cache/go GOFLAGS=-modcacherw go mod download -json "golang.org/toolchain@v0.0.1-go$needs.0.linux-$(go env GOARCH)" | sed -nE 's/.*"Dir": "(.*)".*/\1/p')
    chmod +x "$dir"/bin/* "$dir"/pkg/tool/*/*
    go=$dir/bin/go
    export GOROOT=$dir
  fi
  # In a folder of its own, moved when it is whole: two suites may build at once.
  local made
  made=$cache/build-$$
  mkdir "$made"
  GOTOOLCHAIN=local GOPATH=$cache/go GOFLAGS=-modcacherw GOBIN=$made "$go" install -ldflags='-s -w' "github.com/versity/versitygw/cmd/versitygw@$version" >&2
  mv "$made/versitygw" "$binary"
  rm -rf "$made" "$cache/go"
}

[ -x "$binary" ] || build
[ "$1" = build ] && exit 0
mkdir -p "$1/buckets" "$1/meta"
ROOT_ACCESS_KEY=$3 ROOT_SECRET_KEY=$4 setsid "$binary" --port "127.0.0.1:$2" --quiet --region us-east-1 posix --sidecar "$1/meta" "$1/buckets" >"$1/log" 2>&1 </dev/null &
echo $! >"$1/pid"
