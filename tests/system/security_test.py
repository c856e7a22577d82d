#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""orthod as a server of several people: addresses that other machines reach. Prints TAP."""
import os
import shutil
import subprocess
import tempfile

from api import ORTHOD, WAIT_S, WORKER, Daemon, equal, expect, expect_problem, get, main, test


def add_token(path, name, role):
    return subprocess.run([ORTHOD, "token", "add", name, role, "--token-file", path, "--state-dir", "/none",
                           "--worker", WORKER], capture_output=True, text=True, timeout=WAIT_S,
                          check=True).stdout.strip()


class Server:
    """A daemon with tokens of all roles and further options; its folder goes with it."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="orthod-security-")
        self.token_file = os.path.join(self.folder, "tokens")
        self.secrets = {role: add_token(self.token_file, role, role) for role in ("read", "submit", "admin")}
        self.daemon = Daemon(self.folder, "--token-file", self.token_file, *options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        status = self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        equal(status, 0, "orthod's exit status")

    def bearer(self, role="admin", **more):
        return {"Authorization": "Bearer " + self.secrets[role], **more}


@test
def an_address_that_others_reach_needs_tokens():
    folder = tempfile.mkdtemp(prefix="orthod-security-")
    try:
        tokens = os.path.join(folder, "tokens")
        add_token(tokens, "admin", "admin")
        for options, remedy in (([], "--token-file FILE"), (["--token-file", tokens], "--host NAME")):
            done = subprocess.run([ORTHOD, "--listen", "0.0.0.0:0", "--state-dir", folder + "/state",
                                   "--worker", WORKER, *options], capture_output=True, text=True,
                                  timeout=WAIT_S, check=False)
            equal((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
            assert remedy in done.stderr, done.stderr
            assert not os.path.exists(folder + "/state")
    finally:
        shutil.rmtree(folder)


@test
def dns_rebinding():
    """A page of evil.example that points its name here is refused, also with a token."""
    with Server("--listen", "0.0.0.0:0", "--host", "lab.example", "--host", "proxy.example:443") as server:
        daemon = server.daemon
        daemon.port = int(daemon.addresses[3].rpartition(":")[2])
        for host in (f"lab.example:{daemon.port}", "proxy.example", f"127.0.0.1:{daemon.port}"):
            expect(get("/jobs", headers=server.bearer(Host=host), daemon=daemon), 200, host)
            equal(get("/jobs", headers={"Host": host}, daemon=daemon).status, 401)
        for host in (f"evil.example:{daemon.port}", "lab.example", f"lab.example.evil.example:{daemon.port}",
                     f"10.0.0.1:{daemon.port}", f"evil.example@lab.example:{daemon.port}"):
            expect_problem(get("/jobs", headers=server.bearer(Host=host), daemon=daemon), 403,
                           "forbidden-host", what=host)


if __name__ == "__main__":
    main()
