# Two commands do everything: `make reproduce` for the results, `make test` for the checks.
# Both work in a fresh clone and need a Rust toolchain, a C compiler and, for the tests, Python 3.
.DEFAULT_GOAL := help
.PHONY: help reproduce test bench lint accept clean needs needs-python build

JOULEBENCH := target/debug/joulebench

help: ## Show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

reproduce: build ## Regenerate every table, figure, number, the paper and the dataset from the raw traces
	@$(JOULEBENCH) reproduce

test: build needs-python ## Run every test that CI runs
	cargo test --locked --workspace
	$(JOULEBENCH) reproduce --no-live
	tests/python/run.sh out/dataset
	tests/clients/run.sh

bench: build needs-python ## Time reading, tidying and estimating; writes the table of docs/performance.md
	tests/python/bench.sh

lint: needs ## Formatting and clippy; compiles every dependency once more
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

accept: build ## For authors: take the regenerated outputs as the expected ones
	$(JOULEBENCH) reproduce --accept

clean: ## Remove everything that was built or derived
	rm -rf target target-cuda out

# The whole workspace is built at once and always with the same features, so that nothing compiles
# twice between running and testing.
build: needs
	@[ -x $(JOULEBENCH) ] || echo "compiling: about 20 minutes on two cores the first time, seconds later"
	@cargo build --locked --workspace

needs:
	@command -v cargo >/dev/null || { \
	  echo "error: the Rust toolchain is missing; install it with:"; \
	  echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal && . ~/.cargo/env"; \
	  exit 1; }
	@command -v cc >/dev/null || { \
	  echo "error: a C compiler is missing; install it with:"; \
	  echo "  sudo apt-get install -y build-essential"; \
	  exit 1; }

needs-python:
	@python3 -m venv --help >/dev/null 2>&1 || { \
	  echo "error: Python 3 with venv is missing; install it with:"; \
	  echo "  sudo apt-get install -y python3 python3-venv"; \
	  exit 1; }
