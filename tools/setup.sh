#!/bin/sh
# What the demo and the tests need from the system. As root on Debian it is installed; otherwise it is named.
set -eu
missing=""
command -v mosquitto >/dev/null 2>&1 || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
command -v tshark >/dev/null 2>&1 || missing="$missing tshark"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "etclane: installing$missing / 正在安装$missing" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # A broker of the distribution is not started by its installation: ours run on ports of their own.
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
    exit 0
fi
echo "etclane: these Debian packages are missing:$missing" >&2
echo "  as root: apt-get install$missing / 请以 root 运行: apt-get install$missing" >&2
exit 1
