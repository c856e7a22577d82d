# SPDX-License-Identifier: Apache-2.0
"""Tokens: every route with every method, without one and with one of each role; sessions; what is
revoked; and that no secret shows up in a log."""
import http.client
import os
import re
import shutil
import subprocess
import tempfile

from api import ORTHOD, WAIT_S, Daemon, ask, context, equal, expect, expect_problem, get, main, post, test

ORTHOCTL = os.environ["ORTHOCTL"]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
OPEN = {"/", "/healthz", "/readyz", "/api/v1/login", "/api/v1/logout"}
ROLES = ("read", "submit", "admin")


def token(*arguments, path, status=0):
    done = subprocess.run([ORTHOD, "token", *arguments, "--token-file", path, "--state-dir", "/none",
                           "--worker", os.environ["ORTHO_WORKER"]],
                          capture_output=True, text=True, timeout=WAIT_S, check=False)
    equal(done.returncode, status, f"{arguments}: {done.stderr}: the exit status")
    return done.stdout if status == 0 else done.stderr


class Guarded:
    """A daemon that wants tokens, with one of each role."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="orthod-auth-")
        self.path = os.path.join(self.folder, "tokens")
        self.secrets = {role: token("add", role, role, path=self.path).strip() for role in ROLES}
        self.daemon = Daemon(self.folder, "--token-file", self.path, "--log-level", "debug")
        return self

    def __exit__(self, *_):
        status = self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        equal(status, 0, "orthod's exit status")

    def bearer(self, role):
        return {"Authorization": "Bearer " + self.secrets[role]}

    def status(self, method, path, headers):
        """Without the body, which of a stream has no end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=WAIT_S)
        try:
            connection.request(method, path, headers={"Host": self.daemon.host, **headers})
            return connection.getresponse()
        finally:
            connection.close()

    def session(self, role):
        answer = expect(post("/login", {"token": self.secrets[role]}, daemon=self.daemon), 204)
        found = re.fullmatch(r"(orthod-[0-9a-f]{8}=[0-9a-f]{64}); Path=/; Max-Age=604800; "
                             r"HttpOnly; SameSite=Strict", answer.headers["Set-Cookie"])
        assert found, answer.headers["Set-Cookie"]
        return found.group(1)


def routes():
    """(path, method, whether the API has it)."""
    for path, item in expect(get("/openapi.json"), 200).json()["paths"].items():
        for method in METHODS:
            there = method.lower() in item or (method == "HEAD" and "get" in item)
            yield re.sub(r"\{\w+\}", "7", path), method, there


@test
def without_tokens_everything_is_open():
    expect(get("/jobs"), 200)
    expect_problem(post("/login", {"token": "x"}), 404, "not-found")


@test
def without_a_token_nothing_is():
    wrong = ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer orthod_" + 64 * "0"},
             {"Authorization": "Basic YTpi"}, {"Cookie": "orthod=1; orthod-00000000=" + 64 * "0"})
    with Guarded() as server:
        count = 0
        for path, method, there in routes():
            for headers in wrong:
                answer = server.status(method, path, headers)
                if path == "/" or path in OPEN and there:
                    assert answer.status not in (401, 403), (method, path, answer.status)
                else:
                    equal(answer.status, 401, f"{method} {path} {headers}")
                    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm="), path
                    count += 1
        assert count > 25 * len(METHODS) * len(wrong), count
        for query in ("token=", "access_token=", "authorization=Bearer%20"):
            path = f"/api/v1/jobs?{query}{server.secrets['admin']}"
            equal(server.status("GET", path, {}).status, 401, query)
        hashes = re.findall(r"[0-9a-f]{64}", open(server.path).read())
        equal(server.status("GET", "/api/v1/jobs", {"Authorization": "Bearer " + hashes[0]}).status, 401)


@test
def a_role_has_its_routes_and_no_others():
    with Guarded() as server:
        for path, method, there in routes():
            needs = "read" if not there or method in ("GET", "HEAD", "OPTIONS") else \
                "admin" if method == "DELETE" or path.endswith("drain") else "submit"
            if there and path.startswith("/api/v1/tokens"):
                needs = "admin"
            for role in ROLES:
                answer = server.status(method, path, server.bearer(role))
                if path not in OPEN and ROLES.index(role) < ROLES.index(needs):
                    equal(answer.status, 403, f"{method} {path} as {role}")
                    assert f'scope="{needs}"' in answer.headers["WWW-Authenticate"]
                else:
                    assert answer.status not in (401, 403), (method, path, role, answer.status)
        refused = ask("DELETE", "/api/v1/jobs/7", headers=server.bearer("submit"), daemon=server.daemon)
        expect_problem(refused, 403, "forbidden-role")


@test
def a_browser_has_a_session():
    with Guarded() as server:
        expect_problem(post("/login", {"token": "orthod_no"}, daemon=server.daemon), 401, "unauthorized")
        expect(post("/login", {"key": 1}, daemon=server.daemon), 400)
        cookie = {"Cookie": "theme=dark; " + server.session("submit") + "; more=1"}
        expect(get("/jobs", headers=cookie, daemon=server.daemon), 200)
        stream = server.status("GET", "/api/v1/events", cookie)
        equal((stream.status, stream.headers["Content-Type"]), (200, "text/event-stream"))
        equal(server.status("DELETE", "/api/v1/jobs/7", cookie).status, 403)
        foreign = {**cookie, "Origin": "http://evil.example"}
        expect_problem(post("/jobs", {}, headers=foreign, daemon=server.daemon), 403, "forbidden-host")
        wrong = {**cookie, "Authorization": "Bearer wrong"}
        equal(server.status("GET", "/api/v1/jobs", wrong).status, 401)
        answer = expect(post("/logout", headers=cookie, daemon=server.daemon), 204)
        assert "Max-Age=0" in answer.headers["Set-Cookie"], answer.headers["Set-Cookie"]
        equal(server.status("GET", "/api/v1/jobs", cookie).status, 401)


@test
def what_is_revoked_counts_at_once():
    with Guarded() as server:
        cookie = {"Cookie": server.session("read")}
        equal(server.status("GET", "/api/v1/jobs", cookie).status, 200)
        equal(token("list", path=server.path).split("\n")[0], "read read")
        token("revoke", "read", path=server.path)
        for headers in (cookie, server.bearer("read")):
            equal(server.status("GET", "/api/v1/jobs", headers).status, 401)
        equal(server.status("GET", "/api/v1/jobs", server.bearer("admin")).status, 200)
        os.chmod(server.path, 0o644)
        equal(server.status("GET", "/api/v1/jobs", server.bearer("admin")).status, 401)
        os.chmod(server.path, 0o600)
        equal(server.status("GET", "/api/v1/jobs", server.bearer("admin")).status, 200)
        os.remove(server.path)
        equal(server.status("GET", "/api/v1/jobs", server.bearer("admin")).status, 401)
        server.secrets["admin"] = token("add", "new", "admin", path=server.path).strip()
        equal(server.status("GET", "/api/v1/jobs", server.bearer("admin")).status, 200)


@test
def tokens_are_made_and_revoked_over_the_api():
    with Guarded() as server:
        def ctl(*arguments, role="admin", status=0):
            done = subprocess.run([ORTHOCTL, "token", *arguments], capture_output=True, text=True, check=False,
                                  env={**os.environ, "ORTHOD_TOKEN": server.secrets[role],
                                       "ORTHOD_SERVER": f"http://127.0.0.1:{server.daemon.port}"}, timeout=WAIT_S)
            equal(done.returncode, status, f"{arguments}: {done.stderr}")
            return done.stdout if status == 0 else done.stderr
        server.secrets["alice"] = ctl("add", "alice", "submit").strip()
        assert re.fullmatch(r"orthod_[0-9a-f]{64}", server.secrets["alice"]), server.secrets["alice"]
        equal(server.status("GET", "/api/v1/jobs", server.bearer("alice")).status, 200)
        assert re.search(r"^alice +submit$", ctl("list"), re.M), ctl("list")
        assert server.secrets["alice"] not in ctl("list", "--json")
        equal(os.stat(server.path).st_mode & 0o777, 0o600)
        for role in ("read", "submit", "alice"):
            for arguments in (("list",), ("add", "bob", "read"), ("revoke", "admin")):
                assert "this needs admin" in ctl(*arguments, role=role, status=1)
        assert "there is a token alice" in ctl("add", "alice", "read", status=1)
        assert "there is no token bob" in ctl("revoke", "bob", status=1)
        assert "no token ../x" in ctl("revoke", "../x", status=1)
        for name, role in (("a b", "read"), ("", "read"), ("a" * 65, "read"), ("a\nroot admin", "read"), ("b", "root")):
            answer = post("/tokens", {"name": name, "role": role}, headers=server.bearer("admin"),
                          daemon=server.daemon)
            expect_problem(answer, 400, "invalid-parameter", what=(name, role))
        assert "give add NAME ROLE" in ctl("make", status=2)
        ctl("revoke", "alice")
        equal(server.status("GET", "/api/v1/jobs", server.bearer("alice")).status, 401)
        os.chmod(server.folder, 0o500)
        refused = ask("DELETE", "/api/v1/tokens/read", headers=server.bearer("admin"), daemon=server.daemon)
        os.chmod(server.folder, 0o700)
        if os.geteuid() != 0:  # root writes everywhere
            expect_problem(refused, 503, "unavailable")
    expect_problem(post("/tokens", {"name": "a", "role": "read"}), 404, "not-found")


@test
def secrets_are_in_no_log():
    with Guarded() as server:
        cookie = server.session("admin")
        variables = {**os.environ, "ORTHOD_TOKEN": server.secrets["read"],
                     "ORTHOD_SERVER": f"http://127.0.0.1:{server.daemon.port}"}
        subprocess.run([ORTHOCTL, "list"], env=variables, capture_output=True, timeout=WAIT_S, check=True)
        denied = subprocess.run([ORTHOCTL, "delete", "7"], env=variables, capture_output=True, text=True,
                                timeout=WAIT_S, check=False)
        equal(denied.returncode, 1)
        assert "the token's role is read and this needs admin" in denied.stderr, denied.stderr
        equal(server.status("GET", "/api/v1/jobs", {"Cookie": cookie}).status, 200)
        kept = server.daemon
    told = "".join(kept.log)
    assert "target=/api/v1/jobs" in told
    for secret in (*server.secrets.values(), cookie.split("=")[1]):
        assert secret not in told


@test
def a_faulty_file_ends_the_start():
    folder = tempfile.mkdtemp(prefix="orthod-auth-")
    try:
        path = os.path.join(folder, "tokens")
        assert "is not read, submit or admin" in token("add", "a", "root", path=path, status=2)
        assert "name has 1 to 64" in token("add", "a b", "read", path=path, status=2)
        token("add", "a", "read", path=path)
        assert "there is a token a" in token("add", "a", "read", path=path, status=1)
        assert "no token b" in token("revoke", "b", path=path, status=1)
        equal(os.stat(path).st_mode & 0o777, 0o600)
        os.chmod(path, 0o640)
        done = subprocess.run([ORTHOD, "--listen", "127.0.0.1:0", "--state-dir", folder, "--token-file",
                               path, "--worker", os.environ["ORTHO_WORKER"]],
                              capture_output=True, text=True, timeout=WAIT_S, check=False)
        equal(done.returncode, 1)
        assert "chmod 600" in done.stderr, done.stderr
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
