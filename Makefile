# drover: the commands of README.md. meson and ninja do the work; this file only names what belongs together.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
DESTDIR ?=
HOSTS ?= 3
FUZZ_SECONDS ?= 600
SOAK_SECONDS ?= 600
SUITES = unit sim seeds api lint host host-asan ui

NINJA = ninja -j $(JOBS)
PROGRAMS = drover drover-server drover-node

.PHONY: help deps deps-test build run test test-unit test-sim test-api test-corpora test-host test-ui test-vm bench fuzz soak lint install image dist clean \
	release dev asan clang

help: ## this list
	@printf 'drover. A newcomer needs two of these: make run, make test.\n\n'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@printf '\nVariables: JOBS=%s  HOSTS=%s  PREFIX=%s  FUZZ_SECONDS=%s  SOAK_SECONDS=%s  YES=1 (ask nothing)\n' \
	        '$(JOBS)' '$(HOSTS)' '$(PREFIX)' '$(FUZZ_SECONDS)' '$(SOAK_SECONDS)'

deps: ## install the Debian packages that are missing (asks first)
	@tools/deps.sh

# The build directories. Each is set up once; meson notices changes of its files by itself.
build/%/build.ninja:
	@tools/setup.sh $*

release: deps build/release/build.ninja
	@$(NINJA) -C build/release
dev: deps build/dev/build.ninja
	@$(NINJA) -C build/dev
asan: deps build/asan/build.ninja
	@$(NINJA) -C build/asan
clang: deps build/clang/build.ninja
	@$(NINJA) -C build/clang

build: release ## the release programs, stripped, in build/bin
	@tools/collect.sh release build/bin $(PROGRAMS)

run: build ## a server, a lab of three hosts and the demo stack; Ctrl-C takes all down
	@HOSTS=$(HOSTS) tools/run.sh

test: build asan ## every test: unit, sim and API under sanitizers, host tests on the release and on sanitized programs
	@tools/test.sh $(SUITES)

test-unit: asan ## one module at a time, no I/O
	@tools/test.sh unit

test-sim: asan release ## the engine with simulated hosts, time and faults; then 1,000 seeds of random faults
	@tools/test.sh sim seeds

test-api: asan ## a real server over HTTP
	@tools/test.sh api

test-corpora: asan ## compose files and templates, with reports: the tree's own and, with DROVER_CORPORA=DIR, those of public catalogs
	@tools/test.sh corpora

test-host: build asan ## real Docker engines in lab hosts, twice: release programs, sanitized programs
	@tools/test.sh host host-asan

test-ui: build ## the web page, in Debian's Chromium driven by Playwright; screenshots in build/ui-screenshots
	@tools/test.sh ui

test-vm: build ## a Debian guest with systemd and cgroup v2 in QEMU joins and is rebooted (minutes; not part of make test)
	@DROVER_BIN_DIR=build/bin tools/test-vm.sh

lint: dev clang ## both compilers with -Werror, and the rules of tests/lint
	@tools/test.sh lint

bench: build ## print the figures of docs/figures.md
	@tools/deps.sh bench
	@tools/bench.sh

fuzz: deps ## fuzz every parser for FUZZ_SECONDS each
	@tools/fuzz.sh $(FUZZ_SECONDS)

soak: build ## a server under simulated load, then fresh random faults, for SOAK_SECONDS
	@tools/soak.sh $(SOAK_SECONDS)

install: build ## copy programs, units and configuration below DESTDIR and PREFIX
	@tools/install.sh '$(DESTDIR)' '$(PREFIX)'

image: build ## the image drover/server as build/drover-server-image.tar, made offline
	@images/server/build.sh

dist: build ## a .deb and a tar archive with checksums in build/dist
	@packaging/dist.sh

clean: ## remove what was built (never what runs or what a server stored)
	@rm -rf build
