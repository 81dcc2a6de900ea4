PREFIX = /usr/local
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
ENVPIPE = target/release/envpipe
TOOLS = target/tools/bin
# Their versions.
cargo-deb = 3.8.0
cargo-deny = 0.20.2
cargo-fuzz = 0.13.2
rage = 0.12.1
FUZZ_FLAGS = --sanitizer none --codegen-units 16 --target-dir target/fuzz
# Of fuzzing, for each target.
SECONDS = 600
# Of the stream that soaks; K, M, G and T are powers of 1024.
SIZE = 64G

all: $(ENVPIPE)

.PHONY: all $(ENVPIPE) demo test test-localstack test-packages fuzz soak bench lint install deb completion picture
$(ENVPIPE):
	cargo build --release --locked

# The main job with a local identity: no AWS, no account. make shows each command as it runs.
demo: $(ENVPIPE)
	rm -rf target/demo && mkdir target/demo
	$(ENVPIPE) keygen -o target/demo/key
	tar c src | $(ENVPIPE) seal -i target/demo/key > target/demo/src.tar.age
	$(ENVPIPE) open -i target/demo/key < target/demo/src.tar.age | tar t
	tar c src | $(ENVPIPE) seal -i target/demo/key | $(ENVPIPE) open -i target/demo/key | tar d && echo identical

# Sets up what the tests need (stock rage, and a Python environment, under target/) and runs them all.
test: $(TOOLS)/rage
	cargo test --locked

# What needs a KMS that derives secrets, which is LocalStack's, and stock rage: sets these up too, and runs those tests alone.
test-localstack: $(TOOLS)/rage
	cargo test --locked --test envpipe -- --ignored

# Every fuzz target for so many SECONDS, from seeds and from what earlier runs found. With stable Rust: there is no sanitizer,
# and none is needed where unsafe code is forbidden.
fuzz: $(TOOLS)/cargo-fuzz
	python3 fuzz/seeds.py fuzz/corpus
	$(TOOLS)/cargo-fuzz build $(FUZZ_FLAGS)
	set -e; for target in $$($(TOOLS)/cargo-fuzz list); do \
	    $(TOOLS)/cargo-fuzz run $(FUZZ_FLAGS) $$target -- -max_total_time=$(SECONDS) -timeout=10 -print_final_stats=1; \
	done

# A stream of this SIZE through seal and open: it comes back as it was, and memory stays flat.
soak: $(ENVPIPE)
	python3 benches/soak.py $(ENVPIPE) $(SIZE)

# envpipe and its peers in turn, whichever are installed; needs /usr/bin/time, and 10 GiB of disk for the 2 GiB.
bench: $(ENVPIPE)
	cargo bench --locked --bench chunk
	python3 benches/peers.py $(ENVPIPE)

# The picture in README, from a run against the emulators of the tests, which have to be set up (make test).
picture: $(ENVPIPE)
	target/python/bin/pip install --quiet rich==15.0.0
	target/python/bin/python man/picture.py $(ENVPIPE)

# What the code, the manual and the dependencies must be; needs mandoc and shellcheck.
lint: $(TOOLS)/cargo-deny
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --all-targets -- -D warnings
	mandoc -T lint -W warning man/envpipe.1 man/envpipe.5
	shellcheck .ci/run tests/packages.sh
	cargo fetch --locked
	$(TOOLS)/cargo-deny --offline --locked check --hide-inclusion-graph -D warnings licenses bans sources

install: $(ENVPIPE) completion
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(BASHDIR) $(ZSHDIR) $(FISHDIR)
	install -m 755 $(ENVPIPE) $(BINDIR)
	ln -sf envpipe $(BINDIR)/age-plugin-envpipe
	install -m 644 man/envpipe.1 man/age-plugin-envpipe.1 $(MANDIR)/man1
	install -m 644 man/envpipe.5 $(MANDIR)/man5
	install -m 644 target/completion/envpipe $(BASHDIR)
	install -m 644 target/completion/_envpipe $(ZSHDIR)
	install -m 644 target/completion/envpipe.fish $(FISHDIR)

# A Debian package, in target/debian.
deb: $(ENVPIPE) completion $(TOOLS)/cargo-deb
	ln -sf envpipe target/release/age-plugin-envpipe
	PATH=$(TOOLS):$$PATH cargo deb --no-build --locked

# What `make install`, the Debian package and the crate hold, and that it works there; needs dpkg and fakeroot.
test-packages: deb
	tests/packages.sh

completion: $(ENVPIPE)
	install -d target/completion
	$(ENVPIPE) completion bash > target/completion/envpipe
	$(ENVPIPE) completion zsh > target/completion/_envpipe
	$(ENVPIPE) completion fish > target/completion/envpipe.fish

# Unoptimized: they run for seconds, and every fresh machine builds them.
$(TOOLS)/%:
	cargo install --debug --locked --root target/tools $*@$($*)
