#!/bin/sh
# Tests nsblame in pods, with the manifests of contrib/kubernetes and a real kubelet in
# a VM. See pod.sh.
#
# usage: test.sh TOOLS PACKAGER: directories with kustomize, helm and staticpod, and
# with image
set -eu
tools=$1 packager=$2
GO=${GO:-go}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
image=ghcr.io/nsblame/nsblame:test
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

mkdir "$tmp/pod"
CGO_ENABLED=0 GOOS=linux GOARCH=amd64 $GO build -trimpath -ldflags '-s -w' -o "$tmp/nsblame" ./cmd/nsblame
"$packager/image" -binary "$tmp/nsblame" -version test -tag $image -out "$tmp/pod/image.tar"
"$tools/kustomize" build contrib/kubernetes/kustomize |
	"$tools/staticpod" -image $image -out "$tmp/pod" -at /opt/pod
# The chart makes the same pod.
mkdir "$tmp/chart"
"$tools/helm" template nsblame contrib/kubernetes/helm/nsblame --namespace nsblame --kube-version 1.34.0 |
	"$tools/staticpod" -image $image -out "$tmp/chart" -at /opt/pod
spec() { sed -n '/^spec:/,$p' "$1" | sed 's|/opt/pod/nsblame.*|/opt/pod/CONFIG|'; }
spec "$tmp/pod/pod.yaml" >"$tmp/kustomize.spec"
spec "$tmp/chart/pod.yaml" >"$tmp/helm.spec"
diff "$tmp/kustomize.spec" "$tmp/helm.spec"
sed "s|IMAGE|$image|" tools/kubernetes/debug.yaml >"$tmp/pod/debug.yaml"
tar -C "$tmp/pod" -cf "$tmp/pod.tar" .
${VMTEST:-go run ./internal/vmtest/cmd/vmtest} exec -boot kubernetes -timeout 40m -file "$tmp/pod.tar" -- "$(cat tools/kubernetes/pod.sh)"
