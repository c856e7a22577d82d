#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""orthod as a server of several people: addresses that other machines reach, TLS,
how often and how long somebody may ask. Prints TAP."""
import http.client
import json
import os
import select
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

from api import (
    ask, Daemon, equal, expect, expect_problem, get, main, ORTHOD, post, spec, Stream, test, WAIT_S, WORKER,
)

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

# --- who may go on, and how often -------------------------------------------------------------


def revoke(server, name):
    subprocess.run([ORTHOD, "token", "revoke", name, "--token-file", server.token_file, "--state-dir", "/none",
                    "--worker", WORKER], capture_output=True, timeout=WAIT_S, check=True)


def log_in(server, role):
    answer = expect(post("/login", {"token": server.secrets[role]}, daemon=server.daemon), 204)
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


@test
def streams_end_with_what_let_them_in():
    with Server() as server:
        session, other = log_in(server, "read"), log_in(server, "submit")
        streams = {name: Stream("/events", daemon=server.daemon, headers=headers) for name, headers in (
            ("token", server.bearer("read")), ("session", session), ("logout", other),
            ("admin", server.bearer("admin")))}
        equal({stream.status for stream in streams.values()}, {200})
        expect(post("/logout", headers=other, daemon=server.daemon), 204)
        for stream in streams.values():
            stream.socket.settimeout(10)  # shorter than the pause between two comments
        equal(streams["logout"].next(), None)
        revoke(server, "read")
        equal((streams["token"].next(), streams["session"].next()), (None, None))
        number = expect(post("/jobs", spec(), headers=server.bearer(), daemon=server.daemon), 201).json()["id"]
        streams["admin"].until(lambda event: event[1] == "state" and event[2]["state"] == "succeeded")
        expect(get(f"/jobs/{number}", headers=server.bearer(), daemon=server.daemon), 200)


@test
def a_token_that_asks_too_often_waits():
    with Server("--rate-limit", "2") as server:
        answers = [get("/jobs", headers=server.bearer("read"), daemon=server.daemon) for _ in range(40)]
        equal({answer.status for answer in answers}, {200, 429})
        assert all(answer.status == 200 for answer in answers[:10]), [answer.status for answer in answers]
        refused = next(answer for answer in answers if answer.status == 429)
        expect_problem(refused, 429, "rate-limited")
        equal(refused.headers["Retry-After"], "1")
        expect(get("/jobs", headers=server.bearer("submit"), daemon=server.daemon), 200)
        for _ in range(40):
            expect(ask("GET", "/healthz", daemon=server.daemon), 200)
    with Server("--rate-limit", "0") as server:
        for _ in range(600):
            expect(get("/devices", headers=server.bearer("read"), daemon=server.daemon), 200)


@test
def logins_that_fail_make_an_address_wait():
    with Server() as server:
        good = {"token": server.secrets["read"]}
        for _ in range(10):
            expect(post("/login", good, daemon=server.daemon), 204)
            expect_problem(post("/login", {"token": "orthod_wrong"}, daemon=server.daemon), 401, "unauthorized")
        for body in ({"token": "orthod_wrong"}, good):
            refused = post("/login", body, daemon=server.daemon)
            expect_problem(refused, 429, "rate-limited")
            assert 1 <= int(refused.headers["Retry-After"]) <= 10, refused.headers
        expect(get("/jobs", headers=server.bearer("read"), daemon=server.daemon), 200)


def send_slowly(port, start):
    """Sends start, then a byte whenever nothing came for a while; until the server ends it."""
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as client:
        client.sendall(start)
        begun = time.monotonic()
        while not select.select([client], [], [], 0.1)[0]:
            assert time.monotonic() - begun < WAIT_S, "the server waits for ever"
            try:
                client.sendall(b"a")
            except ConnectionError:
                return b""
        try:
            return client.recv(4096)
        except ConnectionError:
            return b""


@test
def slow_clients_lose_their_connection():
    with Certificate() as certificate, Server("--request-timeout", "1") as server, \
            Server("--request-timeout", "1", *certificate.options) as encrypted:
        stream = Stream("/events", daemon=server.daemon, headers=server.bearer())
        host = f"Host: {server.daemon.host}\r\n"
        for start in ("", "GET /", "GET /healthz HTTP/1.1\r\n" + host + "X: ",
                      f"POST /api/v1/login HTTP/1.1\r\n{host}Content-Length: 100000\r\n\r\n",
                      f"POST /api/v1/jobs HTTP/1.1\r\n{host}Content-Length: 100000\r\n\r\n",
                      f"GET /healthz HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n1\r\n"):
            answer = send_slowly(server.daemon.port, start.encode())
            assert b" 200 " not in answer and b" 204 " not in answer, (start, answer)
        send_slowly(encrypted.daemon.port, b"\x16\x03\x01\x02\x00\x01")  # the beginning of a handshake
        # A connection that was of use has the same time for its next request.
        with socket.create_connection(("127.0.0.1", server.daemon.port), WAIT_S) as client:
            client.sendall(f"GET /healthz HTTP/1.1\r\n{host}\r\n".encode())
            assert b" 200 " in client.recv(4096)
            while client.recv(4096):
                pass
        # What has been asked for goes on.
        expect(post("/jobs", spec(), headers=server.bearer(), daemon=server.daemon), 201)
        assert stream.until(lambda event: event[1] == "state" and event[2]["state"] == "succeeded")


@test
def an_address_has_so_many_connections():
    with Server("--listen", "0.0.0.0:0", "--host", "lab.example") as server:
        port = int(server.daemon.addresses[3].rpartition(":")[2])
        clients = [socket.create_connection(("127.0.0.1", port), WAIT_S) for _ in range(257)]
        request = f"GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()
        answered = 0
        for client in clients:
            try:
                client.sendall(request)
                answered += client.recv(4096).startswith(b"HTTP/1.1 200")
            except ConnectionError:
                pass
        equal(answered, 256)
        for client in clients:
            client.close()


# --- where specs may point to -----------------------------------------------------------------


def with_root(root, **more):
    body = spec(**more)
    body["data"]["root"] = root
    return body


class Places:
    """A root with a data set and a run's weights, and what lies outside of it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="orthod-roots-")
        self.root, self.outside = self.folder + "/root", self.folder + "/outside"
        for place in (self.root, self.outside):
            shutil.copytree("/usr/share/datasets/fashion-mnist", place + "/fashion")
        os.symlink(self.outside, self.root + "/out")
        os.symlink("fashion", self.root + "/in")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)


@test
def specs_name_nothing_outside_of_the_roots():
    with Places() as places, Server("--data-root", places.root, "--checkpoint-root", places.root) as server:
        def submit(body, path="/jobs?dry_run=true", status=200):
            return expect(post(path, body, headers=server.bearer("submit"), daemon=server.daemon), status, body)
        for root in (places.root + "/fashion", places.root + "/in", places.root + "/out/../root/in",
                     "/usr/share/datasets/fashion-mnist", None):
            submit(with_root(root))
        bad = (places.outside + "/fashion", places.root + "/out/fashion", places.root + "/../outside/fashion",
               "/proc/self/root" + places.outside + "/fashion", "/etc", "/nowhere", "/", "//etc",
               places.root + "/%2e%2e/outside", places.root + "\\..\\outside", places.root + ";/../outside",
               "/etc/passwd#", places.root + "/fashion/../../outside/fashion", "file:///etc", "../outside")
        details = set()
        for root in bad:
            problem = submit(with_root(root), status=422).json()
            equal([fault["pointer"] for fault in problem["errors"]], ["/data/root"], root)
            details.add(problem["errors"][0]["detail"])
            problem = submit(spec(init_from=root), status=422).json()
            equal([fault["pointer"] for fault in problem["errors"]], ["/init_from"], root)
            details.add(problem["errors"][0]["detail"])
        told = "".join(details)
        assert f"folders that this server reads data from: {places.root}, /usr/share/datasets;" in told, told
        assert "root:x:" not in told and len(details) <= 6, details  # nothing tells what is there
        problem = submit({"base": spec(), "vary": {"data.root": [places.root + "/in", "/etc"]}},
                         "/experiments", 422).json()
        equal([fault["pointer"] for fault in problem["errors"]], ["/vary/data.root/1"])
        number = submit(with_root(places.root + "/in"), "/jobs", 201).json()["id"]
        problem = submit({"data": {"root": "/etc"}}, f"/jobs/{number}/clone", 422).json()
        equal([fault["pointer"] for fault in problem["errors"]], ["/data/root"])
        stream = Stream(f"/jobs/{number}/events?after=0", daemon=server.daemon, headers=server.bearer())
        stream.until(lambda event: event[1] == "state" and event[2]["state"] == "succeeded")
        weights = f"{server.folder}/state/runs/{number}/model.safetensors"  # this server's own runs are a root
        submit(spec(init_from=weights))
        os.symlink(weights, places.root + "/model.safetensors")
        submit(spec(init_from=places.root + "/model.safetensors"))
        shutil.copy(weights, places.outside + "/model.safetensors")
        problem = submit(spec(init_from=places.root + "/out/model.safetensors"), status=422).json()
        equal([fault["pointer"] for fault in problem["errors"]], ["/init_from"])


@test
def workers_look_again():
    """What was fine when it was submitted may be a link that leads out when the job starts."""
    with Places() as places, Server("--data-root", places.root) as server:
        def submit(body):
            return expect(post("/jobs", body, headers=server.bearer(), daemon=server.daemon), 201).json()["id"]
        first = submit(spec("first", limit=6400, epochs=1000, resources={"threads": 2}))
        second = submit(with_root(places.root + "/in", name="second", queue={"retries": 0}))
        os.remove(places.root + "/in")
        os.symlink("../outside/fashion", places.root + "/in")
        expect(post(f"/jobs/{first}/cancel", headers=server.bearer(), daemon=server.daemon), 202)
        stream = Stream(f"/jobs/{second}/events?after=0", daemon=server.daemon, headers=server.bearer())
        stream.until(lambda event: event[1] == "state" and event[2]["state"] in ("succeeded", "failed"))
        found = get(f"/jobs/{second}", headers=server.bearer(), daemon=server.daemon).json()
        equal(found["state"], "failed")
        assert "/data/root is in none of the folders" in found["reason"], found["reason"]


if __name__ == "__main__":
    main()
