# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by quickstart and check: what they need from Debian, and how to get it.

# What a build needs.
# shellcheck disable=SC2034
BUILD_PACKAGES="autoconf automake gcc make pkg-config libmicrohttpd-dev libcjson-dev libsqlite3-dev
libopenblas-dev libuv1-dev zlib1g-dev libjpeg62-turbo-dev libpng-dev libyaml-dev libdnnl-dev
libcurl4-openssl-dev libsystemd-dev nettle-dev"

# need_packages PACKAGE...: installs those that are missing, and says so first. Changes nothing when
# all are there.
need_packages() {
    missing=
    for package in "$@"; do
        # shellcheck disable=SC2016
        case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) in
        ii*) ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || {
        echo "these Debian packages are missing and there is no apt-get:$missing" >&2
        return 1
    }
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "not root and no sudo; please install:$missing" >&2
            return 1
        }
        as_root=sudo
    fi
    echo "Installing Debian packages:$missing"
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' sh $missing
}
