# The two commands: make demo, make test. Both install what they lack on
# Debian 12 (as root) and leave the rest of the machine as it is.
#
#   make demo       nsblame at work, in a VM, on the case it was built for
#   make test       everything: vet, unit tests under the race detector, the
#                   committed BPF objects compared with their source, lint, the
#                   scenarios in VMs
#   make vms        what of make test needs a VM: all scenarios on Debian 12, a
#                   sample on the other kernels, and arm64, in one queue
#   make checks     what of make test needs none: vet, race, unraced, check-generated,
#                   lint
#   make unit       the unit tests alone, without the race detector
#   make fuzz       every fuzz target for FUZZTIME, by default a minute;
#                   FUZZ=regexp picks some of them, as package.name
#   make model      HISTORIES random histories of a simulated machine, from seed
#                   SEED on: is what nsblame says of them true, and does it say
#                   what can be known? go test runs 20,000 of them
#   make scenarios  the scenarios alone, on Debian 12; RUN=regexp picks some,
#                   KEEP=dir keeps what they yield
#   make test-matrix  all scenarios on each release in each way to attach, and
#                   a table of the verdicts; RUN, RELEASES and ATTACH narrow it,
#                   KEEP as above, TABLE=file keeps the table
#   make test-kubernetes  nsblame beside a kubelet with good and bad pods and a
#                   control plane, which are built for it, and in pods itself;
#                   KEEP as above
#   make test-serve the agent in a VM, with a real Prometheus and its alerts
#   make test-pods  the latter alone: the image, and the manifests by kustomize
#                   and Helm
#   make corpus-kubernetes  what that left in KEEP, into the corpus and examples
#   make test-sample  what of the matrix is part of make test
#   make corpus     the recordings of scenarios that go test replays, made anew:
#                   only on purpose, for it changes all their golden files;
#                   RUN=regexp adds or replaces some of Debian 12, or of the
#                   containers of Debian 13
#   make test-arm64  nsblame on kernels for arm64
#   make bench      what nsblame costs, beside what one would use in its place:
#                   a table; RUNS="bookworm:instructions trixie:wall" narrows
#                   it, TABLE as above, METER gives arguments to the program
#                   that measures
#   make fleet      the questions of docs/fleet.md, asked of 200,000 creations of 50
#                   nodes by DuckDB; CREATIONS=number takes another number
#   make bench-fleet  the same of 5,000,000
#   make flood-vm   how large nsblame gets while a user floods it for MINUTES=10
#   make test-race  some scenarios with nsblame under the race detector
#   make build      ./nsblame
#   make man        the manual pages, in ./man
#   make install    what those two made, the shells' completions and the systemd
#                   units (not enabled), under PREFIX, by default /usr/local;
#                   DESTDIR as everywhere. So: make build man && sudo make install
#   make packages   what is published, in PACKAGES=packages: deb, rpm, archives for
#                   Linux, macOS and Windows, container images, SBOMs and checksums
#   make release    the same, of a tagged commit only
#   make test-packages  are they the same when built twice, and do they install,
#                   record, upgrade and purge in VMs of Debian 12 and 13
#   make test-otlp  are findings delivered to a real OpenTelemetry collector, which
#                   is built for it, killed, stopped and started again
#   make test-action  the steps of the GitHub Action, as a runner runs them, in a VM
#   make generate   the BPF objects and their Go bindings, from bpf/
#   make lint       golangci-lint, built once into the cache, and make prose
#   make prose      the sentences of documents and help texts: none too long
#   make deps       only install what is lacking

GO     ?= go
CACHE  := $(or $(NSBLAME_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/nsblame)
VMTEST := $(GO) run ./internal/vmtest/cmd/vmtest
# The names change with the versions, so that one cache serves several trees.
TOOLS  := $(CACHE)/tools/$(firstword $(shell cksum tools/go.sum))
LINTER := $(TOOLS)/golangci-lint
# Runs go test, and says which tests were skipped and why.
GOTEST := $(TOOLS)/gotestsum
# DuckDB for node, and what else of npm tests take.
DUCKDB := $(CACHE)/tools/duckdb-$(firstword $(shell cksum tools/duckdb/package.json))
RUN    ?=
KEEP   ?=
TABLE  ?=
FUZZ   ?=
FUZZTIME ?= 1m
HISTORIES ?= 1000000
SEED     ?= 1
# Releases and ways to attach of the matrix; empty stands for all.
RELEASES ?=
ATTACH   ?=
CELLS     = $(if $(ATTACH),$(foreach r,$(or $(RELEASES),bullseye bookworm trixie sid),$(foreach a,$(ATTACH),$(r):$(a))),$(RELEASES))

# What is read for its sentences, beside the help of each verb.
PROSE = README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md 'docs/*.md' 'examples/*.md' internal/vmtest/README.md

# Where make build and make man put what they make, and where make install does.
OUT         ?= .
PREFIX      ?= /usr/local
BINDIR      ?= $(PREFIX)/bin
MANDIR      ?= $(PREFIX)/share/man
DATADIR     ?= $(PREFIX)/share
UNITDIR     ?= $(PREFIX)/lib/systemd/system
EXAMPLEDIR  ?= $(PREFIX)/share/doc/nsblame/examples
INSTALL     ?= install
# The date of the manual pages is that of the last commit.
export SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),0)

# What make bench measures: releases, each with ":" and a clock or with both.
RUNS  ?= bookworm trixie
METER ?=

# On the other kernels make test runs those scenarios that need the most of a
# kernel and of systemd.
SAMPLE       = ^(unshare|clone|enospc|hostnamectl|start-systemctl|trigger-timer|doctor|joins|list|modules)$$
SAMPLE_CELLS = bullseye:auto bookworm:kprobe trixie:auto sid:auto
# Of other releases than Debian 12 the corpus has those.
CORPUS       = cmd/nsblame/testdata/corpus
CORPUS_ALSO  = bullseye trixie sid
# Under the race detector: questions to the managers, a command, an end by signal.
RACED        = ^(hostnamectl|record-command|trigger-timer)$$

.PHONY: all build man install packages release test-packages demo test vms checks vet unit race fuzz flood unraced model generate check-generated lint prose scenarios \
	corpus corpus-kubernetes test-matrix test-kubernetes test-sample test-arm64 test-race bench bench-report fleet bench-fleet deps deps-vm deps-arm64 deps-bpf deps-race deps-browser deps-terminal deps-prometheus deps-duckdb
all: build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o $(OUT)/nsblame ./cmd/nsblame

man:
	rm -rf $(OUT)/man
	$(GO) run -tags man ./cmd/nsblame man $(OUT)/man

# Who installs may have no compiler: what was built before is taken as it is.
$(OUT)/nsblame:
	$(MAKE) build

$(OUT)/man/nsblame.1:
	$(MAKE) man

install: $(OUT)/nsblame $(OUT)/man/nsblame.1
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(UNITDIR)
	$(INSTALL) -m 755 $(OUT)/nsblame $(DESTDIR)$(BINDIR)/nsblame
	$(INSTALL) -m 644 $(OUT)/man/*.1 $(DESTDIR)$(MANDIR)/man1/
	for unit in nsblame-record.service nsblame-serve.service; do \
		sed 's|/usr/local/bin/|$(BINDIR)/|' contrib/systemd/$$unit >$(DESTDIR)$(UNITDIR)/$$unit && \
		chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done
	$(INSTALL) -d $(DESTDIR)$(EXAMPLEDIR)
	$(INSTALL) -m 644 contrib/nsblame.yaml contrib/prometheus/nsblame.rules.yml contrib/grafana/nsblame.json $(DESTDIR)$(EXAMPLEDIR)/
	$(INSTALL) -d $(DESTDIR)$(DATADIR)/bash-completion/completions $(DESTDIR)$(DATADIR)/zsh/site-functions \
		$(DESTDIR)$(DATADIR)/fish/vendor_completions.d
	$(OUT)/nsblame completion bash >$(DESTDIR)$(DATADIR)/bash-completion/completions/nsblame
	$(OUT)/nsblame completion zsh >$(DESTDIR)$(DATADIR)/zsh/site-functions/_nsblame
	$(OUT)/nsblame completion fish >$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/nsblame.fish

# What is published. Its tools have a module of their own, for they need much.
PACKAGER := $(CACHE)/tools/package-$(firstword $(shell cksum tools/package/go.sum))
PACKAGES ?= packages

packages: $(PACKAGER)/nfpm $(PACKAGER)/cyclonedx-gomod $(PACKAGER)/image
	GO='$(GO)' tools/package/build.sh '$(PACKAGER)' '$(PACKAGES)'

# A collector of OpenTelemetry's modules. It has a module of its own, for it needs much.
OTELCOL := $(CACHE)/tools/otelcol-$(firstword $(shell cat tools/otelcol/go.sum tools/otelcol/main.go | cksum))

$(OTELCOL)/otelcol:
	@mkdir -p $(@D)
	$(GO) build -C tools/otelcol -trimpath -o $@ .

.PHONY: test-otlp
test-otlp: $(OTELCOL)/otelcol
	NSBLAME_OTELCOL=$(OTELCOL)/otelcol $(GO) test -count=1 -v -run '^TestRealCollector$$' ./internal/deliver/otlphttp

.PHONY: test-action
test-action: deps-vm
	set -eu; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	CGO_ENABLED=0 $(GO) build -o "$$tmp/" ./cmd/nsblame; \
	$(VMTEST) exec -file "$$tmp/nsblame" $(patsubst %,-file contrib/github-action/%,start.sh stop.sh verdict.sh test.sh) -- 'bash ./test.sh'

# Of a tagged commit without changes.
release:
	@git describe --tags --exact-match --match 'v[0-9]*' HEAD
	@test -z "$$(git status --porcelain)" || { echo "commit or remove what git status shows, then make release" >&2; exit 1; }
	$(MAKE) packages

$(PACKAGER)/nfpm:
	@mkdir -p $(@D)
	$(GO) build -C tools/package -o $@ github.com/goreleaser/nfpm/v2/cmd/nfpm

$(PACKAGER)/cyclonedx-gomod:
	@mkdir -p $(@D)
	$(GO) build -C tools/package -o $@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

$(PACKAGER)/image: tools/package/image/main.go
	@mkdir -p $(@D)
	$(GO) build -C tools/package -o $@ ./image

# Built twice, the second time from a clone, and installed, upgraded and purged in VMs.
test-packages: deps-vm $(PACKAGER)/nfpm $(PACKAGER)/cyclonedx-gomod $(PACKAGER)/image
	GO='$(GO)' VMTEST='$(VMTEST)' tools/package/test.sh '$(PACKAGER)'

demo: deps-vm
	$(VMTEST) demo

# In a VM, for as long as wanted: make flood-vm MINUTES=60.
.PHONY: flood-vm
flood-vm: deps-vm
	@set -eu; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	CGO_ENABLED=0 $(GO) build -o "$$tmp/" ./cmd/nsblame ./internal/vmtest/actor/attacker ./internal/vmtest/actor/seed; \
	$(VMTEST) exec -timeout 3h -file "$$tmp/nsblame" -file "$$tmp/attacker" -file "$$tmp/seed" -- \
		"MINUTES='$(or $(MINUTES),10)'; $$(cat internal/vmtest/flood.sh)"

# The agent under a real Prometheus.
.PHONY: test-serve
test-serve: deps-vm deps-prometheus
	@set -eu; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	CGO_ENABLED=0 $(GO) build -o "$$tmp/" ./cmd/nsblame; \
	$(VMTEST) exec -timeout 30m -file "$$tmp/nsblame" -file "$$(command -v prometheus)" -file "$$(command -v promtool)" \
		-file contrib/prometheus/nsblame.rules.yml -- "$$(cat internal/vmtest/serve.sh)"

# The VMs, and beside them all that needs none, which gives way to them. A
# failure of one does not hide what the others find.
test: deps
	$(MAKE) --keep-going --jobs=2 vms checks

vms: deps-vm deps-arm64
	$(VMTEST) all -sample '$(SAMPLE)' -sample-cells '$(SAMPLE_CELLS)'

checks:
	@failed=; for check in vet race unraced check-generated lint; do \
		nice -n 5 $(MAKE) --no-print-directory $$check || failed="$$failed $$check"; \
	done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

# A million records of one user's, in which memory must not grow.
flood:
	NSBLAME_FLOOD=1 $(GO) test -count=1 -run Flood -v ./cmd/nsblame

# What the race detector would only slow: the corpus, the flood, the fleet and all else
# that unraced.Leave leaves out there.
UNRACED = ^Test(Corpus|FleetQuestions|OtherReaders|AFloodTakes|HostileCommandLines|HostileRecordings|ReportIsLinear|PageIsResponsive|Corruption|Truncation|InflatingIsBounded|RestatementIsBounded|DamageNeverMisleads|CausesAreBoundedBySize|ManyCreationsOfManyCauses|LivesAreBounded)
UNRACED_IN = ./cmd/nsblame ./internal/stream/recording ./internal/stream/engine ./internal/explain/report
unraced: deps-browser deps-duckdb
	NSBLAME_FLOOD=1 NSBLAME_DUCKDB='$(DUCKDB)' $(GO) test -count=1 -timeout 30m -run '$(UNRACED)' -v $(UNRACED_IN)

CREATIONS ?= 200000
fleet: deps-duckdb
	NSBLAME_DUCKDB='$(DUCKDB)' NSBLAME_FLEET='$(CREATIONS)' $(GO) test -count=1 -timeout 4h -run '^TestFleetQuestions$$' -v ./cmd/nsblame

bench-fleet:
	$(MAKE) fleet CREATIONS=5000000

vet:
	$(GO) vet ./...
	GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/nsblame
	GOOS=windows GOARCH=amd64 $(GO) build -o /dev/null ./cmd/nsblame
	@$(MAKE) --no-print-directory size

# What is published stays below 25 MiB.
.PHONY: size
size:
	@set -eu; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o "$$tmp/nsblame" ./cmd/nsblame; \
	size=$$(stat -c %s "$$tmp/nsblame"); echo "size: $$size bytes of 26214400"; test "$$size" -lt 26214400

unit: $(GOTEST)
	$(GOTEST) --format pkgname-and-test-fails -- ./...

race: deps-race deps-browser deps-terminal deps-prometheus $(GOTEST)
	CGO_ENABLED=1 $(GOTEST) --format pkgname-and-test-fails -- -race -timeout 60m ./...

fuzz:
	GO='$(GO)' tools/fuzz.sh '$(FUZZTIME)' '$(FUZZ)'

model:
	$(GO) run ./internal/model/cmd/model -histories $(HISTORIES) -seed $(SEED)

generate: deps-bpf
	$(GO) generate ./...

# The objects are rebuilt in a copy of the tree, so that a tree with changes
# in it can be checked too.
check-generated: deps-bpf
	@set -eu; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	cp -r go.mod go.sum *.go bpf docs findings internal "$$tmp"; \
	rm -f "$$tmp"/internal/observe/*/*_bpfel.go "$$tmp"/internal/observe/*/*_bpfel.o; \
	(cd "$$tmp" && $(GO) generate ./...); \
	if diff -rq internal/observe/probe "$$tmp/internal/observe/probe" && diff -rq internal/observe/netlist "$$tmp/internal/observe/netlist"; then \
		echo "check-generated: objects and bindings are what bpf/ makes"; \
	else \
		echo "check-generated: run make generate and commit the result" >&2; exit 1; \
	fi

lint: $(LINTER) prose
	$(LINTER) run ./...

prose:
	@$(GO) run ./internal/prose $(PROSE)

$(LINTER):
	@echo "building golangci-lint (once, some minutes)"
	@mkdir -p $(@D)
	$(GO) build -C tools -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(GOTEST):
	@mkdir -p $(@D)
	$(GO) build -C tools -o $@ gotest.tools/gotestsum

scenarios: deps-vm
	$(VMTEST) test -run '$(RUN)' $(if $(KEEP),-keep '$(KEEP)')

test-matrix: deps-vm
	$(VMTEST) matrix -run '$(RUN)' -cells '$(CELLS)' $(if $(KEEP),-keep '$(KEEP)') $(if $(TABLE),-table '$(TABLE)')

test-kubernetes: deps-vm test-pods
	$(VMTEST) test -boot kubernetes $(if $(KEEP),-keep '$(KEEP)')

# nsblame in pods, by the manifests of contrib/kubernetes.
KUBERNETES := $(CACHE)/tools/kubernetes-$(firstword $(shell cksum tools/kubernetes/go.sum))
.PHONY: test-pods
test-pods: deps-vm $(PACKAGER)/image $(KUBERNETES)/kustomize $(KUBERNETES)/helm $(KUBERNETES)/staticpod
	GO='$(GO)' VMTEST='$(VMTEST)' tools/kubernetes/test.sh '$(KUBERNETES)' '$(PACKAGER)'

$(KUBERNETES)/kustomize:
	@mkdir -p $(@D)
	$(GO) build -C tools/kubernetes -o $@ sigs.k8s.io/kustomize/kustomize/v5

$(KUBERNETES)/helm:
	@mkdir -p $(@D)
	$(GO) build -C tools/kubernetes -o $@ helm.sh/helm/v3/cmd/helm

$(KUBERNETES)/staticpod: tools/kubernetes/staticpod/main.go
	@mkdir -p $(@D)
	$(GO) build -C tools/kubernetes -o $@ ./staticpod

# What test-kubernetes left in KEEP.
corpus-kubernetes:
	$(VMTEST) corpus -add -from '$(KEEP)/trixie-auto' -to $(CORPUS)/trixie
	cp $(CORPUS)/trixie/kubernetes.kubernetes.avro examples/kubernetes.avro
	cp $(CORPUS)/trixie/kubernetes-workloads.kubernetes.avro examples/workloads.avro
	@echo 'now: $(GO) test ./cmd/nsblame -run Corpus -update, and read what git diff says'

test-sample: deps-vm
	$(VMTEST) matrix -run '$(SAMPLE)' -cells '$(SAMPLE_CELLS)' $(if $(KEEP),-keep '$(KEEP)')

corpus: deps-vm
	@set -eu; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	$(VMTEST) test -run '$(RUN)' -keep "$$tmp/bookworm"; \
	if [ -n '$(RUN)' ]; then \
		for boot in "$$tmp"/bookworm/*/; do case $$boot in \
			*-auto/) ;; \
			*) $(VMTEST) corpus -add -from "$$tmp/bookworm" -to $(CORPUS)/bookworm; break ;; \
		esac; done; \
		[ ! -e "$$tmp/bookworm/trixie-auto" ] || \
			$(VMTEST) corpus -add -from "$$tmp/bookworm/trixie-auto" -to $(CORPUS)/trixie; \
		exit; \
	fi; \
	$(VMTEST) matrix -run '$(SAMPLE)' -cells '$(CORPUS_ALSO:=:auto)' -keep "$$tmp"; \
	$(VMTEST) corpus -from "$$tmp/bookworm" -to $(CORPUS)/bookworm; \
	for release in $(CORPUS_ALSO); do \
		$(VMTEST) corpus -from "$$tmp/$$release-auto" -to $(CORPUS)/$$release; \
	done; \
	$(VMTEST) corpus -add -from "$$tmp/bookworm/trixie-auto" -to $(CORPUS)/trixie
	@echo 'now: $(GO) test ./cmd/nsblame -run Corpus -update, and read what git diff says'

test-arm64: deps-vm deps-arm64
	$(VMTEST) arm64

bench: deps-vm
	$(VMTEST) bench -runs '$(RUNS)' $(if $(TABLE),-table '$(TABLE)') -- $(METER)
	$(GO) test -run NONE -bench ProcessPrograms -benchtime 2000x ./internal/observe/probe
	$(MAKE) bench-report

# A report and a replay of a million creations, on one core: the time, and what they take
# in memory. And how long it takes until top shows something of them.
bench-report:
	$(GO) test -run NONE -bench '^Benchmark(Report|Replay|TopFirst)$$' -benchtime 1x -timeout 1h ./cmd/nsblame

# Linked statically, for the guest has a C library of its own.
test-race: deps-vm deps-race
	@set -eu; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	CGO_ENABLED=1 $(GO) build -race -tags netgo,osusergo -ldflags '-linkmode external -extldflags -static' \
		-o "$$tmp/nsblame" ./cmd/nsblame; \
	$(VMTEST) test -nsblame "$$tmp/nsblame" -run '$(RACED)' $(if $(KEEP),-keep '$(KEEP)')

deps: deps-vm deps-arm64 deps-bpf deps-race deps-browser deps-terminal deps-prometheus deps-duckdb
deps-vm:
	@internal/vmtest/install.sh vm
deps-arm64:
	@internal/vmtest/install.sh arm64
deps-bpf:
	@internal/vmtest/install.sh bpf
deps-race:
	@internal/vmtest/install.sh race
deps-browser:
	@internal/vmtest/install.sh browser
deps-terminal:
	@internal/vmtest/install.sh terminal
deps-prometheus:
	@internal/vmtest/install.sh prometheus
deps-duckdb: $(DUCKDB)/node_modules
$(DUCKDB)/node_modules: tools/duckdb/package.json
	@internal/vmtest/install.sh node
	@mkdir -p $(@D) && cp $< $(@D)/
	npm install --prefix $(@D) --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@
