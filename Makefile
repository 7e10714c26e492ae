# Every target sets up what it needs (Debian packages by apt, as root or with sudo) and can be run again.

BUILD_NEEDS = --cargo cc=gcc /usr/include/stdlib.h=libc6-dev cmake=cmake make=make
ARGS ?=
DATA ?= ./trunkline-data

help:
	@echo 'make run      build the server and start it on ./trunkline-data (make run ARGS="--http 127.0.0.1:8081")'
	@echo 'make transcripts  a recognizer for English in ./trunkline-data (make transcripts DATA=…): 500 MB'
	@echo 'make test     what every change must pass: fmt, clippy, tests, tidy, instructions, documentation, fuzzing; minutes'
	@echo 'make interop  calls with Asterisk, baresip and SIPp through the server; root and Debian, about 1 GB once'
	@echo 'make bench    the server beside Kamailio and rtpengine under the same load; root and Debian'

run: build-needs
	@xtask/need espeak-ng=espeak-ng || echo 'make: no voice: without espeak-ng flows cannot say anything' >&2
	cargo build --release --bin trunkline
	exec "$${CARGO_TARGET_DIR:-target}/release/trunkline" --data ./trunkline-data $(ARGS)

# A Whisper model and what runs it; the server finds them in the data folder.
transcripts:
	xtask/transcripts $(DATA)

test: fmt clippy unit tidy instructions doc fuzz

# The parts of `make test`, for use one by one.
fmt: build-needs
	@cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	cargo fmt --all --check
clippy: build-needs
	@cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
	cargo clippy --workspace --all-targets -- -D warnings
unit: build-needs
	cargo test --workspace
tidy: build-needs
	cargo xtask tidy
# UPDATE_BASELINE='why' moves the baseline.
instructions: build-needs
	@xtask/need valgrind=valgrind
	cargo xtask instructions
doc: build-needs
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items
# FUZZ_SECONDS=600 for longer, FUZZ_SEED=n for the same again.
fuzz: build-needs
	cargo run --quiet --package fuzz-smoke

interop: build-needs
	test/interop/run $(ARGS)

bench: build-needs
	test/bench/run $(ARGS)

build-needs:
	@xtask/need $(BUILD_NEEDS)

.PHONY: help run transcripts test fmt clippy unit tidy instructions doc fuzz interop bench build-needs
