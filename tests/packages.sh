#!/usr/bin/env bash
# What `make install`, the Debian package and the crate hold, and that the program runs from where they put it.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "tests/packages.sh: $1" >&2
    exit 1
}

# Seals and opens with the program below a root, and looks for its manual and completions there.
works_below() {
    local bin=$1/bin/envpipe share=$1/share
    "$bin" keygen -o "$scratch/key" 2> /dev/null
    [ "$(echo plain | "$bin" seal -i "$scratch/key" | "$bin" open -i "$scratch/key")" = plain ] || fail "$bin does not work"
    rm "$scratch/key"
    [ "$(readlink "$1/bin/age-plugin-envpipe")" = envpipe ] || fail "there is no link $1/bin/age-plugin-envpipe"
    "$1/bin/age-plugin-envpipe" --help > /dev/null || fail "$1/bin/age-plugin-envpipe does not run"
    for file in "${@:2}"; do
        [ -s "$share/$file" ] || fail "there is no $share/$file"
    done
}

common=(bash-completion/completions/envpipe fish/vendor_completions.d/envpipe.fish)

make --silent install DESTDIR="$scratch/install" PREFIX=/opt
works_below "$scratch/install/opt" "${common[@]}" man/man1/envpipe.1 man/man1/age-plugin-envpipe.1 man/man5/envpipe.5 zsh/site-functions/_envpipe

deb=(target/debian/envpipe_*.deb)
[ ${#deb[@]} -eq 1 ] || fail "there are ${#deb[@]} packages in target/debian"
root=$scratch/root
mkdir -p "$root/var/lib/dpkg/"{info,updates}
touch "$root/var/lib/dpkg/"{status,available}
# Its dependencies are those of the host.
fakeroot dpkg --root="$root" --log=/dev/null --force-depends --force-not-root --install "${deb[0]}" > /dev/null 2>&1 ||
    fail "dpkg does not install ${deb[0]}"
works_below "$root/usr" "${common[@]}" man/man1/envpipe.1.gz man/man1/age-plugin-envpipe.1.gz man/man5/envpipe.5.gz zsh/vendor-completions/_envpipe \
    doc/envpipe/copyright doc/envpipe/CHANGELOG.md
[ "$(dpkg-query --admindir="$root/var/lib/dpkg" --show --showformat='${Status}' envpipe)" = "install ok installed" ] ||
    fail "${deb[0]} is not installed well"
[ -z "$(dpkg --root="$root" --verify envpipe)" ] || fail "${deb[0]} is not what it installs"

# The whole crate is verified where it is published.
warnings=$(cargo package --locked --no-verify --allow-dirty --target-dir "$scratch/package" 2>&1 | grep '^warning' || true)
[ -z "$warnings" ] || fail "cargo package: $warnings"
crate=("$scratch"/package/package/envpipe-*.crate)
[ "$(stat --format=%s "${crate[0]}")" -lt 300000 ] || fail "the crate has more than 300 kB"

echo "install, the Debian package and the crate are whole"
