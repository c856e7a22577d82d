#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench/load.sh [BUILD]: figures of a daemon under load, client and daemon on this machine: start
# with 10,000 jobs, durable submits, requests for a job and for pages of the list, events to many
# subscribers, resident memory. Needs wrk, curl, jq and the data set of the smallest job.
set -eu
build=${1:-build}
port=8459
url=http://127.0.0.1:$port
folder=$(mktemp -d)
jobs=10000
ulimit -n "$(ulimit -Hn)"

memory() { awk '/VmRSS/ {print $2 " kB"}' "/proc/$pid/status"; }

start() {
    "$build/orthod" --state-dir "$folder/state" --listen "127.0.0.1:$port" 2>>"$folder/log" &
    pid=$!
    began=$(date +%s%N)
    until curl -fs --noproxy '*' "$url/readyz" >/dev/null; do
        kill -0 "$pid" || { cat "$folder/log" >&2; exit 1; }
    done
    echo "ready after $((($(date +%s%N) - began) / 1000000)) ms, memory $(memory)"
}

stop() {
    kill "$pid"
    wait "$pid" || true
}

finish() {
    stop
    rm -rf "$folder"
}
trap finish EXIT

rate() { wrk -t1 --latency "$@" | awk '/99%/ {p = $2} /Requests\/sec/ {print $2 " a second, p99 " p}'; }
count() { curl -fs "$url/api/v1/jobs?limit=1" | jq '.jobs[0].id // 0'; }

start
curl -fs -X POST "$url/api/v1/drain" >/dev/null # nothing runs: the daemon alone is measured
echo "submits, 8 clients: $(rate -c8 -d5 -s bench/submit.lua "$url/api/v1/jobs")"
while [ "$(count)" -lt "$jobs" ]; do
    wrk -t1 -c8 -d2 -s bench/submit.lua "$url/api/v1/jobs" >/dev/null
done
echo "$(count) jobs, memory $(memory)"
stop
start
echo "a job of $(curl -fs "$url/api/v1/jobs/1" | wc -c) bytes: $(rate -c16 -d5 "$url/api/v1/jobs/1")"
for cursor in $(seq 9900 -1000 900); do
    curl -fs -o /dev/null -w '%{time_total}\n' "$url/api/v1/jobs?limit=100&cursor=$cursor"
done | sort -n | awk '{all[NR] = $1} END {print "a page of 100 jobs: median " all[int(NR / 2) + 1] * 1000 " ms, slowest " all[NR] * 1000 " ms"}'
"$build/bench/sse_bench" "$port" 1000 1 10
"$build/bench/sse_bench" "$port" 5000 11 30
echo "memory $(memory)"
