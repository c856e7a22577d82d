#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzzers, two at a time, and prints TAP: one test each.

FUZZERS names the programs, FUZZ_SECONDS how long each runs. FUZZ_CORPUS, a folder, keeps what they
learn from one run to the next. Bytes that a fuzzer fails on stay in tests/fuzz/failures/.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["OD_SRCDIR"], "tests", "fuzz"))
import seeds

FAILURES = "tests/fuzz/failures"
# No input of these sizes justifies more: 64 MiB in one allocation, 512 MiB in all, 10 s. An image may
# be large in a few bytes: OD_DECODE_MAX_PIXELS is its limit, and a progressive one needs twice that.
LIMITS = ["-malloc_limit_mb=64", "-rss_limit_mb=512", "-timeout=10", "-detect_leaks=1"]
LIMITS_OF = {"image": ["-malloc_limit_mb=320", "-rss_limit_mb=2048", "-timeout=30", "-detect_leaks=1"]}
LEAST_RUNS = 20  # a fuzzer that does less is broken
ENVIRONMENT = {**os.environ, "HOME": "/nowhere", "OMP_NUM_THREADS": "1",
               "UBSAN_OPTIONS": "print_stacktrace=1",
               "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1"}


def run(program, folder, seconds, corpus):
    """(whether it was good, what it said)"""
    name = os.path.basename(program).removesuffix("_fuzz")
    start = os.path.join(folder, "seeds", name)
    if not os.path.isdir(start):
        return False, f"{name} has no seeds in seeds.py"
    learned = os.path.join(corpus, name)
    os.makedirs(learned, exist_ok=True)
    # The same random numbers in every short run; others in every long one.
    choice = ["-seed=1"] if corpus.startswith(folder) else []
    done = subprocess.run(["./" + program, *LIMITS_OF.get(name, LIMITS), *choice, f"-max_total_time={seconds}",
                           "-print_final_stats=1", f"-artifact_prefix={FAILURES}/{name}-",
                           learned, start],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT)
    said = done.stdout.decode(errors="replace")
    runs = re.search(r"stat::number_of_executed_units: +(\d+)", said)
    if done.returncode != 0:
        return False, said[-8000:]
    if not runs or int(runs[1]) < LEAST_RUNS:
        return False, f"only {runs[1] if runs else 0} runs\n" + said[-2000:]
    covered = re.findall(r"cov: (\d+)", said)
    return True, f"{runs[1]} runs, {covered[-1] if covered else 0} edges"


def main():
    programs = os.environ["FUZZERS"].split()
    seconds = os.environ.get("FUZZ_SECONDS", "3")
    os.makedirs(FAILURES, exist_ok=True)
    print(f"1..{len(programs)}", flush=True)
    good = True
    with tempfile.TemporaryDirectory(prefix="od-fuzz-") as folder:
        seeds.main(os.path.join(folder, "seeds"))
        corpus = os.environ.get("FUZZ_CORPUS") or os.path.join(folder, "corpus")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = pool.map(lambda program: run(program, folder, seconds, corpus), programs)
            for number, (program, (one, said)) in enumerate(zip(programs, results), 1):
                good = good and one
                print("".join(f"# {line}\n" for line in said.splitlines()), end="")
                print(f"{'' if one else 'not '}ok {number} - {os.path.basename(program)}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
