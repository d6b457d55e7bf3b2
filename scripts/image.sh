#!/usr/bin/env bash
# Builds the container image, or runs the demo's coarse variant in it, with the first of docker,
# podman and buildah that works here. Usage: image.sh build|test [NAME]
#
#   ENGINE=buildah   ask for one of them
#   BASE=...         base image, where docker.io cannot be reached; a local one is made by
#                    mmdebstrap --variant=minbase trixie - | podman import - debian:trixie-slim
#   CA_BUNDLE=...    certificates of a proxy that pip has to trust during the build
set -euo pipefail
cd "$(dirname "$0")/.."

action=${1:?build or test}
name=${2:-heart-twin}

present() { command -v "$1" >/dev/null 2>&1 && "$1" info >/dev/null 2>&1; }

# podman can answer `info` and still be unable to start anything (inside a container, for one),
# so the engine that has built the image is remembered for running it.
remembered=.cache/image-engine

build_with() {
    local engine=$1 arguments=(-t "$name")
    [ -n "${BASE:-}" ] && arguments+=(--build-arg "BASE=$BASE")
    [ -n "${CA_BUNDLE:-}" ] && arguments+=(--secret "id=ca,src=$CA_BUNDLE" --network host)
    # Inside a container there are no namespaces to be had: chroot isolation needs none.
    case $engine in
        docker) DOCKER_BUILDKIT=1 docker build "${arguments[@]}" . ;;
        podman) podman build "${arguments[@]}" . ;;
        buildah) buildah build --layers --isolation chroot "${arguments[@]}" . ;;
    esac
}

build() {
    local engine
    for engine in ${ENGINE:-docker podman buildah}; do
        present "$engine" || continue
        if build_with "$engine"; then
            mkdir -p "$(dirname "$remembered")"
            echo "$engine" >"$remembered"
            echo "make image: $name built with $engine"
            return 0
        fi
        echo "make image: $engine could not build it" >&2
    done
    echo "make image: none of docker, podman, buildah works here (is the daemon running?)" >&2
    return 1
}

run_in_image() { # $1: folder seen as /case; the rest: arguments of heart
    local folder=$1 engine
    shift
    engine=${ENGINE:-$(cat "$remembered" 2>/dev/null || true)}
    if [ -z "$engine" ]; then
        echo "make image-test: no image yet; run 'make image' first" >&2
        return 1
    fi
    if [ "$engine" = buildah ]; then
        local container status=0
        container=$(buildah from --pull-never "$name")
        buildah run --isolation chroot -v "$folder:/case" \
            "$container" -- heart "$@" || status=$?
        buildah rm "$container" >/dev/null
        return $status
    fi
    "$engine" run --rm -v "$folder:/case" "$name" "$@"
}

test_image() {
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    chmod 1777 "$folder" # the image's user is nobody on this machine
    cp -r scenarios meshes "$folder/"
    run_in_image "$folder" doctor
    run_in_image "$folder" run /case/scenarios/crt/ct_lbbb_coarse.yaml -o /case/out --overwrite
    test -s "$folder/out/report.html"
    test -s "$folder/out/qoi.json"
    echo "make image-test: report.html and qoi.json written in the image"
}

case $action in
    build) build ;;
    test) test_image ;;
    *)
        echo "usage: image.sh build|test [NAME]" >&2
        exit 2
        ;;
esac
