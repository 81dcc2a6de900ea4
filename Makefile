PREFIX = /usr/local
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
ENVPIPE = target/release/envpipe
CARGO_DENY = target/tools/bin/cargo-deny
CARGO_FUZZ = target/tools/bin/cargo-fuzz
FUZZ_FLAGS = --sanitizer none --codegen-units 16 --target-dir target/fuzz
# Of fuzzing, for each target.
SECONDS = 600
# Of the stream that soaks; K, M, G and T are powers of 1024.
SIZE = 64G

all: $(ENVPIPE)

.PHONY: all $(ENVPIPE) demo test fuzz soak bench lint install
$(ENVPIPE):
	cargo build --release --locked

# The main job with a local identity: no AWS, no account. make shows each command as it runs.
demo: $(ENVPIPE)
	rm -rf target/demo && mkdir target/demo
	$(ENVPIPE) keygen -o target/demo/key
	tar c src | $(ENVPIPE) seal -i target/demo/key > target/demo/src.tar.age
	$(ENVPIPE) open -i target/demo/key < target/demo/src.tar.age | tar t
	tar c src | $(ENVPIPE) seal -i target/demo/key | $(ENVPIPE) open -i target/demo/key | tar d && echo identical

# Sets up what the tests need (a Python environment under target/) and runs them all.
test:
	cargo test --locked

# Every fuzz target for so many SECONDS, from seeds and from what earlier runs found. With stable Rust: there is no sanitizer,
# and none is needed where unsafe code is forbidden.
fuzz: $(CARGO_FUZZ)
	python3 fuzz/seeds.py fuzz/corpus
	$(CARGO_FUZZ) build $(FUZZ_FLAGS)
	set -e; for target in $$($(CARGO_FUZZ) list); do \
	    $(CARGO_FUZZ) run $(FUZZ_FLAGS) $$target -- -max_total_time=$(SECONDS) -timeout=10 -print_final_stats=1; \
	done

$(CARGO_FUZZ):
	cargo install --locked --root target/tools --version 0.13.2 cargo-fuzz

# A stream of this SIZE through seal and open: it comes back as it was, and memory stays flat.
soak: $(ENVPIPE)
	python3 benches/soak.py $(ENVPIPE) $(SIZE)

# envpipe and its peers in turn, whichever are installed; needs /usr/bin/time, and 10 GiB of disk for the 2 GiB.
bench: $(ENVPIPE)
	cargo bench --locked --bench chunk
	python3 benches/peers.py $(ENVPIPE)

# What the code, the manual and the dependencies must be; needs mandoc and shellcheck.
lint: $(CARGO_DENY)
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --all-targets -- -D warnings
	mandoc -T lint -W warning man/envpipe.1 man/envpipe.5
	shellcheck .ci/run
	$(CARGO_DENY) --offline --locked check --hide-inclusion-graph -D warnings licenses bans sources

$(CARGO_DENY):
	cargo install --locked --root target/tools --version 0.20.2 cargo-deny
	cargo fetch --locked

install: $(ENVPIPE)
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5
	install -m 755 $(ENVPIPE) $(BINDIR)
	install -m 644 man/envpipe.1 $(MANDIR)/man1
	install -m 644 man/envpipe.5 $(MANDIR)/man5
	install -d $(BASHDIR) $(ZSHDIR) $(FISHDIR)
	$(ENVPIPE) completion bash > $(BASHDIR)/envpipe
	$(ENVPIPE) completion zsh > $(ZSHDIR)/_envpipe
	$(ENVPIPE) completion fish > $(FISHDIR)/envpipe.fish
