PREFIX = /usr/local
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
ENVPIPE = target/release/envpipe
# Of the stream that soaks; K, M, G and T are powers of 1024.
SIZE = 64G

all: $(ENVPIPE)

.PHONY: all $(ENVPIPE) demo test soak bench lint install
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

# A stream of this SIZE through seal and open: it comes back as it was, and memory stays flat.
soak: $(ENVPIPE)
	python3 benches/soak.py $(ENVPIPE) $(SIZE)

# envpipe and its peers in turn, whichever are installed; needs /usr/bin/time, and 10 GiB of disk for the 2 GiB.
bench: $(ENVPIPE)
	cargo bench --locked --bench chunk
	python3 benches/peers.py $(ENVPIPE)

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	mandoc -T lint -W warning man/envpipe.1 man/envpipe.5
	shellcheck .ci/run

install: $(ENVPIPE)
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5
	install -m 755 $(ENVPIPE) $(BINDIR)
	install -m 644 man/envpipe.1 $(MANDIR)/man1
	install -m 644 man/envpipe.5 $(MANDIR)/man5
