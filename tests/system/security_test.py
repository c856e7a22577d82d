#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""orthod as a server of several people: addresses that other machines reach, TLS. Prints TAP."""
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile

from api import ORTHOD, WAIT_S, WORKER, Daemon, equal, expect, expect_problem, get, main, spec, test

ORTHOCTL = os.environ["ORTHOCTL"]


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


# --- TLS ------------------------------------------------------------------------------------


class Certificate:
    """A certificate for this machine that no authority signed, and its key."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="orthod-tls-")
        self.path, self.key = self.folder + "/cert.pem", self.folder + "/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.key, "-out", self.path],
                       capture_output=True, timeout=WAIT_S, check=True)
        os.chmod(self.key, 0o600)
        self.options = ("--tls-cert", self.path, "--tls-key", self.key)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)


def connect(server, certificate, **versions):
    trust = ssl.create_default_context(cafile=certificate.path)
    for name, value in versions.items():
        setattr(trust, name, value)
    return http.client.HTTPSConnection("127.0.0.1", server.daemon.port, timeout=WAIT_S, context=trust)


def ask_encrypted(connection, method, path, body=None, headers=None):
    connection.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None,
                       {"Content-Type": "application/json", **(headers or {})})
    return connection.getresponse()


@test
def everything_is_served_by_tls():
    with Certificate() as certificate, Server(*certificate.options) as server:
        connection = connect(server, certificate)
        answer = ask_encrypted(connection, "POST", "/login", {"token": server.secrets["submit"]})
        equal((answer.status, answer.read()), (204, b""))
        assert answer.headers["Set-Cookie"].endswith("; HttpOnly; SameSite=Strict; Secure"), answer.headers
        cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        answer = ask_encrypted(connection, "POST", "/jobs", spec("encrypted"), cookie)  # the same connection
        equal(answer.status, 201)
        number = json.loads(answer.read())["id"]
        stream = ask_encrypted(connect(server, certificate), "GET", f"/jobs/{number}/events?after=0", None, cookie)
        text = stream.read().decode()  # to its end
        assert '"state":"succeeded"' in text.replace(" ", ""), text[-500:]
        path = f"/jobs/{number}/checkpoints/final/model.safetensors"
        answer = ask_encrypted(connection, "GET", path, None, cookie)
        weights = answer.read()
        with open(f"{server.folder}/state/runs/{number}/model.safetensors", "rb") as file:
            assert weights == file.read() and len(weights) > 100000
        versions = {"minimum_version": ssl.TLSVersion.TLSv1_2, "maximum_version": ssl.TLSVersion.TLSv1_2}
        equal(ask_encrypted(connect(server, certificate, **versions), "GET", "/jobs", None, cookie).status, 200)
        with socket.create_connection(("127.0.0.1", server.daemon.port), WAIT_S) as plain:
            plain.sendall(f"GET /api/v1/jobs HTTP/1.1\r\nHost: {server.daemon.host}\r\n\r\n".encode())
            assert b"HTTP/" not in plain.recv(4096)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", server.daemon.port), WAIT_S) as raw:
            try:
                old.wrap_socket(raw)
                raise AssertionError("TLS 1.1 was accepted")
            except (ssl.SSLError, ConnectionError):
                pass


@test
def orthoctl_trusts_whom_it_is_told():
    with Certificate() as certificate, Server(*certificate.options) as server:
        def list_jobs(*options, **environment):
            return subprocess.run(
                [ORTHOCTL, "--server", f"https://127.0.0.1:{server.daemon.port}", "list", *options],
                env={**os.environ, "ORTHOD_TOKEN": server.secrets["read"], **environment},
                capture_output=True, text=True, timeout=WAIT_S, check=False)
        for done in (list_jobs("--cacert", certificate.path), list_jobs(ORTHOD_CACERT=certificate.path)):
            equal(done.returncode, 0, done.stderr)
        done = list_jobs()
        equal((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        assert "certificate" in done.stderr, done.stderr


@test
def a_key_that_others_read_is_refused():
    with Certificate() as certificate, Certificate() as other:
        def start(*options, command=()):
            done = subprocess.run([ORTHOD, *command, "--listen", "127.0.0.1:0", "--state-dir",
                                   certificate.folder + "/state", "--worker", WORKER, *options],
                                  capture_output=True, text=True, timeout=WAIT_S, check=False)
            equal(done.stderr.count("\n"), 1, done.stderr)
            return done.returncode, done.stderr
        os.chmod(certificate.key, 0o644)
        for command, status in (((), 1), (("check-config",), 2)):
            found, said = start(*certificate.options, command=command)
            equal(found, status)
            assert "has mode 0644" in said and "chmod 600" in said, said
        os.chmod(certificate.key, 0o600)
        status, said = start("--tls-cert", certificate.path)
        assert status == 2 and "give both" in said, said
        os.chmod(certificate.path, 0o600)
        status, said = start("--tls-cert", certificate.path, "--tls-key", certificate.path)
        assert status == 1 and 'no line with "PRIVATE KEY' in said, said
        status, said = start("--tls-cert", certificate.path, "--tls-key", other.key)
        assert status == 1 and "are --tls-cert and --tls-key a pair?" in said, said


if __name__ == "__main__":
    main()
