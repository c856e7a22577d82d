# SPDX-License-Identifier: Apache-2.0
"""Clients of a daemon that is killed again and again, and what was acknowledged to them.

A client retries a request whose answer it has lost until it has one. What a job may have become by
then is its `wishes`, a set of GO (it runs to its end), STOP (it was cancelled) and REST (paused): one
of them as long as every answer said so, several when a request may or may not have counted. All of a
job's requests come from one client, one after the other."""

import http.client
import random
import threading

from harness import FINAL, TIMEOUT_S, stream

GO, STOP, REST = "go", "stop", "rest"
WISH = {"cancel": STOP, "pause": REST, "resume": GO, "retry": GO}
ENDS = {GO: {"succeeded"}, STOP: {"cancelled", "succeeded"}, REST: {"paused", "succeeded"}}
LOST = (ConnectionError, http.client.HTTPException, TimeoutError)
OPEN_MAX = 5  # jobs of one client that have not ended


class Job:
    def __init__(self, number, name):
        self.id = number
        self.name = name
        self.notes = ""
        self.priority = 0
        self.wishes = {GO}
        self.deleted = False
        self.checked = False

    def ends(self):
        return set.union(*(ENDS[wish] for wish in self.wishes))


class Load:
    """The clients, the reader of all events, and the switch that stops them."""

    def __init__(self, place, clients):
        self.place = place
        self.daemon = None
        self.changed = threading.Condition()
        self.faults = []
        self.running = False
        self.finished = False
        self.states = {}   # job: the newest state that an event told
        self.told = {}     # job: [(kind, step, at)]
        self.last_id = 0
        self.requests = 0
        self.lost = 0      # answers that never came
        self.clients = [Client(self, i) for i in range(clients)]
        self.threads = [threading.Thread(target=self.guard, args=(one.run,), daemon=True)
                        for one in self.clients]
        self.threads.append(threading.Thread(target=self.guard, args=(self.read_events,), daemon=True))

    def guard(self, function):
        try:
            function()
        except Exception as fault:  # told by the main thread
            import traceback
            self.faults.append(traceback.format_exc())
            with self.changed:
                self.changed.notify_all()
            raise fault

    def start(self):
        for thread in self.threads:
            thread.start()

    def came_up(self, daemon):
        with self.changed:
            self.daemon = daemon
            self.changed.notify_all()

    def went_down(self):
        with self.changed:
            self.daemon = None

    def check(self):
        assert not self.faults, "\n".join(self.faults)

    def wait(self, test):
        with self.changed:
            assert self.changed.wait_for(lambda: test() or self.faults, TIMEOUT_S), self.describe()
        self.check()

    def describe(self):
        return {job: state for job, state in self.states.items() if state not in FINAL}

    def wait_up(self, after=None):
        """Until there is a daemon that listens, another one than after."""
        with self.changed:
            while self.daemon is None or self.daemon is after:
                assert self.changed.wait(TIMEOUT_S) or self.finished, "no daemon for too long"
                if self.finished:
                    return None
            daemon = self.daemon
        daemon.listening.wait(TIMEOUT_S)
        return daemon

    def go(self):
        with self.changed:
            self.running = True
            self.changed.notify_all()

    def stop(self):
        """Until no client is in the middle of something."""
        with self.changed:
            self.running = False
        self.wait(lambda: all(not one.busy for one in self.clients))

    def finish(self):
        with self.changed:
            self.finished = True
            self.changed.notify_all()

    # --- events -------------------------------------------------------------------------------

    def read_events(self):
        daemon = None
        while not self.finished:
            daemon = self.wait_up()
            try:
                path = "/api/v1/events" + ("?after=0" if self.last_id == 0 else "")
                for number, kind, data in stream(self.place, path, self.last_id or None):
                    self.take(number, kind, data)
            except LOST:
                pass

    def take(self, number, kind, data):
        assert kind != "reset" and number == self.last_id + 1, (self.last_id, number, kind)
        with self.changed:
            self.last_id = number
            if kind == "state":
                self.states[data["job"]] = data["state"]
                self.changed.notify_all()
            elif kind != "log":
                self.told.setdefault(data["job"], []).append((kind, data["step"], data["at"]))

    # --- what it all came to ------------------------------------------------------------------

    def jobs(self):
        return [job for one in self.clients for job in one.jobs]

    def at_rest(self):
        known = all(job.id in self.states for job in self.jobs())
        return known and all(state in FINAL or state == "paused" for state in self.states.values())


class Client:
    """One thread's requests."""

    def __init__(self, load, index):
        self.load = load
        self.index = index
        self.random = random.Random(load.place.seed * 1000 + index)
        self.jobs = []
        self.maybe = []  # names of jobs without a key whose answer was lost
        self.busy = False
        self.count = 0

    def run(self):
        load = self.load
        while True:
            with load.changed:
                self.busy = False
                load.changed.notify_all()
                load.changed.wait_for(lambda: load.running or load.finished)
                if load.finished:
                    return
                self.busy = True
            acts = (self.submit, self.submit, self.submit, self.submit_without_key, self.experiment,
                    self.verb, self.verb, self.verb, self.verb, self.edit, self.delete, self.look)
            self.random.choice(acts)()

    def once(self, method, path, body=None, headers=None):
        """The answer, or None when it was lost."""
        daemon = self.load.wait_up()
        self.load.requests += 1
        try:
            answer = self.load.place.ask(method, "/api/v1" + path, body, headers)
        except LOST:
            self.load.lost += 1
            with self.load.changed:  # it dies: the next one
                if self.load.daemon is daemon:
                    self.load.changed.wait_for(
                        lambda: self.load.daemon is not daemon or self.load.finished, 0.05)
            return None
        assert answer.status < 500 or answer.status == 503, (method, path, answer.status, answer.body)
        if answer.status == 503:  # stopping, or not ready
            daemon.ready.wait(TIMEOUT_S)
            return None
        return answer

    def insist(self, method, path, body=None, headers=None):
        """(answer, whether an earlier try may have counted)."""
        tries = 0
        while True:
            answer = self.once(method, path, body, headers)
            if answer is not None:
                return answer, tries > 0
            tries += 1

    def name(self):
        self.count += 1
        return f"c{self.index}-{self.count}"

    def open_jobs(self):
        return [job for job in self.jobs
                if not job.deleted and self.load.states.get(job.id) not in FINAL]

    def spec(self, name):
        return self.load.place.spec(self.random.randint(1, 4), name)

    def submit(self):
        if len(self.open_jobs()) >= OPEN_MAX:
            return self.look()
        name = self.name()
        body, headers = self.spec(name), {"Idempotency-Key": name}
        answer, _ = self.insist("POST", "/jobs", body, headers)
        assert answer.status == 201, answer.body
        self.jobs.append(Job(answer.json()["id"], name))
        if self.random.random() < 0.2:
            again, _ = self.insist("POST", "/jobs", body, headers)
            assert again.status == 201 and again.json()["id"] == self.jobs[-1].id, again.body
        return None

    def submit_without_key(self):
        if len(self.open_jobs()) >= OPEN_MAX:
            return
        name = self.name()
        answer = self.once("POST", "/jobs", self.spec(name))
        if answer is None:
            self.maybe.append(name)
        else:
            self.jobs.append(Job(answer.json()["id"], name))

    def experiment(self):
        if len(self.open_jobs()) >= OPEN_MAX - 1:
            return
        name = self.name()
        body = {"name": name, "base": self.spec(name), "vary": {"train.seed": [0, 1]}}
        answer, _ = self.insist("POST", "/experiments", body, {"Idempotency-Key": name})
        assert answer.status == 201, answer.body
        jobs = answer.json()["jobs"]
        assert len(jobs) == 2, jobs
        self.jobs += [Job(number, None) for number in jobs]

    def verb(self):
        jobs = self.open_jobs()
        if jobs and self.random.random() < 0.9:
            verb = self.random.choice(("cancel", "pause", "pause", "resume", "resume"))
        else:
            jobs, verb = [job for job in self.jobs if not job.deleted][-6:], "retry"
        if not jobs:
            return
        job = self.random.choice(jobs)
        answer, retried = self.insist("POST", f"/jobs/{job.id}/{verb}")
        if answer.status == 202:
            job.wishes = {WISH[verb]}
            job.checked = False
        else:
            assert answer.status == 409, (verb, job.id, answer.status, answer.body)
            if retried:
                job.wishes = job.wishes | {WISH[verb]}
                job.checked = False

    def edit(self):
        jobs = self.open_jobs()
        if jobs:
            job = self.random.choice(jobs)
            job.notes, job.priority = self.name(), self.random.randint(-5, 5)
            answer, _ = self.insist("PATCH", f"/jobs/{job.id}",
                                    {"notes": job.notes, "priority": job.priority})
            assert answer.status == 200, answer.body

    def delete(self):
        ended = [job for job in self.jobs
                 if not job.deleted and self.load.states.get(job.id) in FINAL]
        if not ended or self.random.random() < 0.7:
            return
        job = self.random.choice(ended)
        answer, retried = self.insist("DELETE", f"/jobs/{job.id}")
        assert answer.status in ((204, 404, 409) if retried else (204, 409)), answer.body
        job.deleted = answer.status != 409

    def look(self):
        path = self.random.choice(("/jobs?limit=50", "/experiments", "/devices"))
        assert self.insist("GET", path)[0].status == 200
