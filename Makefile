# Tidewire: `make demo` shows it, `make test` proves it. Everything else is for those who change it.
SHELL := /bin/bash
export CARGO_TARGET_DIR ?= $(HOME)/.cache/tidewire/target
export TIDEWIRE_VENV ?= $(HOME)/.cache/tidewire/venv
PROFILE ?= demo
TIDEWIRE := $(CARGO_TARGET_DIR)/$(PROFILE)/tidewire
FOR ?= 60

.PHONY: help demo build test fuzz soak lint fmt screenshot model skab-model bench release setup-build setup-cyclone setup-test

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: build ## build, then run the demo graph for 60 s (FOR=0: until Ctrl-C)
	@$(TIDEWIRE) up launch/demo.yaml --for $(FOR)s

build: setup-build ## build the tidewire binary (profile demo)
	@deploy/announce-build.sh "$(TIDEWIRE)"
	@cargo build --locked --profile $(PROFILE) -p tidewire

test: setup-build setup-test ## install what tests need and run them all
	@deploy/announce-build.sh "$(TIDEWIRE)"
	cargo test --locked --profile $(PROFILE) --workspace --no-fail-fast
	TIDEWIRE_DDS=cyclone cargo test --locked --profile $(PROFILE) -p tidewire-bus --features cyclone --no-fail-fast
	cargo build --locked --profile $(PROFILE) -p tidewire --features cyclone
	TIDEWIRE_DDS=cyclone cargo test --locked --profile $(PROFILE) -p tidewire-tests --features cyclone --test network --test types -- --skip between_us_and

fuzz: setup-build ## fuzz each target for FOR seconds, 60 by default (deploy/fuzz.sh SECONDS TARGET for one)
	@deploy/fuzz.sh $(FOR)

soak: setup-build ## run the bus for FOR seconds under processes that are killed, stopped and restarted (SEED=N again)
	@cargo run --locked --profile $(PROFILE) -p tidewire-soak -- --for $(FOR) $(if $(SEED),--seed $(SEED))

lint: setup-build setup-cyclone ## rustfmt and clippy, warnings are errors
	cargo fmt --all --check
	cargo clippy --locked --profile $(PROFILE) --workspace --all-targets -- -D warnings
	cargo clippy --locked --profile $(PROFILE) -p tidewire-bus -p tidewire-bench -p tidewire-tests --features tidewire-bench/cyclone,tidewire-tests/cyclone --all-targets -- -D warnings

fmt: ## format the code
	cargo fmt --all

bench: build ## first figures: the bus beside iceoryx2 and RustDDS, the store beside MCAP
	$(TIDEWIRE) bench bus
	$(TIDEWIRE) bench store

model: build ## record the demo's healthy plant and train the shipped models anew
	deploy/train-demo-models.sh "$(TIDEWIRE)"

skab-model: build ## train launch/models/skab.twm from the anomaly-free SKAB recording
	deploy/train-skab-model.sh "$(TIDEWIRE)"

screenshot: build ## run the demo, take docs/demo.png from the Rerun viewer
	deploy/screenshot.sh "$(TIDEWIRE)" docs/demo.png

release: setup-build ## a fully optimised binary (an hour on two cores)
	cargo build --locked --release -p tidewire

setup-build:
	@deploy/setup.sh build

setup-cyclone:
	@deploy/setup.sh cyclone

setup-test:
	@deploy/setup.sh test
