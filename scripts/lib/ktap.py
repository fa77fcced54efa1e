"""Test results: reading KTAP, counting, printing one line per test as it ends."""
import re
import sys
import threading

RESULT = re.compile(r"\s*(ok|not ok) \d+\s*(?:- )?([^#]*?)\s*(?:#\s*(.*))?$")
PLAN = re.compile(r"\s*1\.\.(\d+)")


class Report:
    """What has passed and failed so far. Used by several threads."""

    def __init__(self, out=sys.stdout):
        self.out = out
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def _line(self, mark, name, note, details=()):
        tail = f"  {note}" if note else ""
        lines = [f"{mark:<5}{name}{tail}"] + [f"     | {line}" for line in details]
        print("\n".join(lines), file=self.out, flush=True)

    def ok(self, name, note=""):
        with self.lock:
            self.passed += 1
            self._line("ok", name, note)

    def skip(self, name, why=""):
        with self.lock:
            self.skipped += 1
            self._line("skip", name, why)

    def fail(self, name, why="", details=()):
        with self.lock:
            self.failed += 1
            self.failures.append(name)
            self._line("FAIL", name, why, details)

    def summary(self):
        """The last lines of a run; the very last has the counts and nothing else."""
        with self.lock:
            for name in self.failures:
                print(f"failed: {name}", file=self.out)
            if self.skipped:
                print(f"{self.skipped} skipped", file=self.out)
            print(f"{self.passed} passed, {self.failed} failed", file=self.out, flush=True)
        return 0 if self.passed and not self.failed else 1


class Reader:
    """Turns what test-init and the test programs print (user/init/test-init.c says what) into results.

    A program's lines stand between `# start NAME` and `# end NAME HOW`. A program fails as a whole when it ends otherwise than
    with status 0 having reported no failure, and when it did not run all the tests that it announced.
    """

    def __init__(self, report, prefix):
        self.report, self.prefix = report, prefix
        self.partial = ""
        self.program = None  # the one that runs now
        self.ended = []  # those that are over
        self.comments = []

    def feed(self, text):
        *lines, self.partial = (self.partial + text).replace("\r", "").split("\n")
        for line in lines:
            self.line(line)

    def line(self, line):
        words = line.split()
        if words[:2] == ["#", "start"] and len(words) == 3:
            self._start(words[2])
        elif words[:2] == ["#", "end"] and self.program and words[2:3] == [self.program]:
            self._end(" ".join(words[3:]))
        elif self.program is None:
            pass
        elif found := PLAN.fullmatch(line):
            self.planned = int(found[1])
        elif found := RESULT.fullmatch(line):
            self._result(*found.groups())
        elif line.strip() and not line.lstrip().startswith("KTAP version"):
            self.comments.append(line)

    def _start(self, name):
        self.program, self.planned, self.seen, self.failures, self.comments = name, None, 0, 0, []

    def _result(self, verdict, title, remark):
        name = f"{self.prefix}/{self.program}/{title}"
        self.seen += 1
        if verdict == "not ok":
            self.failures += 1
            self.report.fail(name, remark or "", self.comments)
        elif remark and remark.upper().startswith("SKIP"):
            self.report.skip(name, remark[4:].strip())
        else:
            self.report.ok(name)
        self.comments = []

    def _end(self, how):
        name = f"{self.prefix}/{self.program}"
        self.ended.append(self.program)
        if how != "exit 0" and not self.failures or how.split()[0] != "exit":
            self.report.fail(name, f"ended by {how}", self.comments)
        elif self.planned is not None and self.planned != self.seen:
            self.report.fail(name, f"announced {self.planned} tests, ran {self.seen}")
        elif not self.seen:
            self.report.ok(name)
        self.program = None
