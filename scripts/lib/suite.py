"""Run Quire's tests.

    scripts/test [--fast] [-k] [-l] [PATTERN]

PATTERN selects the tests whose name contains it; -l lists the names. --fast leaves out what takes long: the second compiler,
lint, UEFI, most sizes of machine. A panic or a hung guest ends the run at once; -k goes on to the other tests.

A test belongs to a job: one run of a guest, of a compiler, of a program on this machine. Jobs run side by side as far as there
are processors for them. Guest programs say in their first lines what machine they want:

    Machine: smp=1,4 mem=512M linux=no alone

with these defaults: each of them at -smp 1 and -smp 4, 512 MiB, on Linux (the oracle) too, sharing a guest with others.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Callable

import machine
from ktap import Reader, Report
from machine import CONSOLE, OUT, RESULTS, ROOT, Guest, Machine

LOGS = os.path.join(OUT, "log")
CPUS = os.cpu_count() or 1
SILENCE = 150  # seconds; more than the longest a single case may compute without a word
EXEC_LIMIT = 240  # seconds; the backstop of one scripts/exec


@dataclass
class Job:
    name: str
    run: Callable  # run(job): reports its results
    cpus: int = 1  # processors of this machine that it keeps busy
    slow: bool = False  # left out by --fast


class Suite:
    def __init__(self, keep_going):
        self.report = Report()
        self.keep_going = keep_going
        self.stop = threading.Event()
        self.free = CPUS
        self.runs = 0  # guests so far
        self.change = threading.Condition()

    # ---- running jobs -------------------------------------------------------------------------------------------------

    def run(self, jobs):
        """Jobs in order, each as soon as there are processors for it."""
        threads = []
        for job in jobs:
            need = min(job.cpus, CPUS)
            with self.change:
                self.change.wait_for(lambda: self.free >= need or self.stop.is_set())
                if self.stop.is_set():
                    break
                self.free -= need
            threads.append(threading.Thread(target=self._one, args=(job, need)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _one(self, job, need):
        try:
            job.run(job)
        except Exception as error:  # a defect of the runner must not look like success
            self.report.fail(job.name, f"the test runner failed: {error!r}")
        with self.change:
            self.free += need
            self.change.notify_all()

    def fatal(self):
        """A panic or a hang: the run is over, unless it was asked to go on."""
        if not self.keep_going:
            self.stop.set()
            with self.change:
                self.change.notify_all()

    def guest(self, job, guest, **how):
        """Run a guest, keeping its log."""
        how.setdefault("silence", SILENCE)
        result = Guest(guest, cancelled=self.stop.is_set, **how).run()
        os.makedirs(LOGS, exist_ok=True)
        self.runs += 1
        with open(os.path.join(LOGS, f"{self.runs:03}-{job.name.replace('/', '-')}.log"), "w") as log:
            log.write(f"{' '.join(guest.command())}\n{result}\n{result.tail(100000)}\n")
        return result

    # ---- kinds of job -------------------------------------------------------------------------------------------------

    def command(self, name, *argv, expect_status=0, expect=None, stdin="", limit=EXEC_LIMIT, **options):
        """A command of this machine must end with a status and print a text: exactly it, or a match of a compiled
        expression; a function gets the text and answers what is wrong with it."""

        def run(job):
            began = time.monotonic()
            try:
                done = subprocess.run(argv, cwd=ROOT, input=stdin.encode(), capture_output=True, timeout=limit)
            except subprocess.TimeoutExpired:
                self.report.fail(job.name, f"not finished after {limit} s")
                self.fatal()
                return
            out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
            wrong = None
            if done.returncode != expect_status:
                wrong = f"status {done.returncode} instead of {expect_status}"
            elif expect is not None:
                wrong = mismatch(expect, out)
            if wrong and not self.stop.is_set():
                self.report.fail(job.name, wrong, (out + err).splitlines()[-40:])
                if "panic" in err and expect_status != 125:
                    self.fatal()
            elif not wrong:
                self.report.ok(job.name, f"{time.monotonic() - began:.1f} s")

        return Job(name, run, **options)

    def exec(self, name, *argv, **options):
        """As command(), of scripts/exec."""
        cpus = int(argv[argv.index("-s") + 1]) if "-s" in argv else 1
        return self.command(name, "scripts/exec", "-t", str(EXEC_LIMIT - 20), *argv, cpus=cpus, **options)

    def programs(self, name, guest, programs):
        """Run test programs in one guest."""

        extra = guest.args

        def run(job):
            left = list(programs)
            while left and not self.stop.is_set():
                reader = Reader(self.report, name)
                guest.args = f"{extra} init=/sbin/test-init panic=exit -- {' '.join(left)}"
                result = self.guest(job, guest,
                                    hear=lambda port, data: port == RESULTS and reader.feed(data.decode(errors="replace")))
                left = [program for program in left if program not in reader.ended]
                if not left and result.end == "exit" or result.end == "stopped":
                    return
                culprit = reader.program or (left[0] if left else None)
                self.report.fail(f"{name}/{culprit}" if culprit else name, str(result), result.tail().splitlines())
                self.fatal()
                left = [program for program in left if program != culprit]

        return Job(f"{name}/{programs[0]}" if len(programs) == 1 else name, run, cpus=guest.cpus)

    def native(self, programs):
        """Run the same programs on this machine's Linux: the oracle must agree with them."""

        def run(job):
            for program in programs:
                if self.stop.is_set():
                    return
                reader = Reader(self.report, "linux")
                reader.line(f"# start {program}")
                path = os.path.join(OUT, "user/test", program)
                try:
                    done = subprocess.run([path], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=300,
                                          start_new_session=True)
                    how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
                    reader.feed(done.stdout.decode(errors="replace"))
                except subprocess.TimeoutExpired as late:
                    reader.feed((late.stdout or b"").decode(errors="replace"))
                    how = "timeout"
                reader.line(f"# end {program} {how}")

        return Job("linux", run)

    def conversation(self, name, guest, talk, **options):
        """Boot to the shell, talk with it, see it power off."""

        def run(job):
            conversation = list(talk)
            result = self.guest(job, guest, talk=conversation, silence=40, limit=300)
            if result.end == "stopped":
                return
            if result.heard == len(conversation) and result.status in (0, 33):
                self.report.ok(job.name, f"{result.seconds:.1f} s")
            else:
                waiting = conversation[result.heard][0] if result.heard < len(conversation) else "the end"
                self.report.fail(job.name, f"waited in vain for {waiting!r}; {result}", result.tail().splitlines())

        return Job(name, run, cpus=guest.cpus, **options)

    def sentence(self, name, guest, expect, **options):
        """Bad input: the kernel says one clear sentence, and the machine ends."""

        def run(job):
            result = self.guest(job, guest, silence=20, limit=120)
            said = result.port(CONSOLE) + result.port(RESULTS)
            if result.end in ("silent", "late", "stopped") or not re.search(expect, said):
                self.report.fail(job.name, f"no line matches {expect!r}; {result}", result.tail().splitlines())
            else:
                self.report.ok(job.name, re.search(f".*(?:{expect}).*", said)[0].strip()[:100])

        return Job(name, run, **options)


def mismatch(expect, out):
    if callable(expect):
        return expect(out)
    if isinstance(expect, re.Pattern):
        return None if expect.search(out) else f"no match of {expect.pattern!r}"
    return None if out == expect else f"printed {out[:200]!r} instead of {expect[:200]!r}"


# ---- what there is to test -----------------------------------------------------------------------------------------------


def declarations():
    """What the test initrd has in /test, and the machine that each program asks for in its source's first lines. A program
    that is not from user/test is one of our own C library: there is no Linux to compare it with."""
    declared = {}
    with open(os.path.join(OUT, "test.files")) as entries:
        names = re.findall(r":/test/(\S+):", entries.read())
    for name in sorted(names):
        source = os.path.join(ROOT, "user/test", name + ".c")
        ours = not os.path.exists(source)
        head = "" if ours else "".join(line for line, _ in zip(open(source), range(40)))
        found = re.search(r"Machine:(.*)", head)
        words = found[1].replace("*/", "").split() if found else []
        fields = dict(word.split("=") for word in words if "=" in word)
        declared[name] = {
            "smp": [int(cpus) for cpus in fields.get("smp", "1,4").split(",")],
            "mem": fields.get("mem", "512M"),
            "linux": not ours and fields.get("linux") != "no",
            "alone": "alone" in words,
        }
    return declared


def deal(programs, hands):
    """Programs to guests that run side by side."""
    return [hand for hand in (programs[i::hands] for i in range(hands)) if hand]


def test_initrd():
    """The initrd with the test programs."""
    path = os.path.join(OUT, "initrd+test.cpio")
    with open(path, "wb") as out:
        for part in (machine.INITRD, machine.TEST_INITRD):
            with open(part, "rb") as archive:
                out.write(archive.read())
    return path


CHECKED = ["brk", "chain", "cow", "fault", "filemap", "fork", "guard", "madvise", "merges", "mmap", "mprotect", "mremap",
           "mremap_multi", "munmap"]
MODES = {"lazy": "quire.check=1", "classic": "quire.check=1 vm.anon_vma_lazy=0"}


def guest_jobs(suite, wanted):
    declared = declarations()
    native = [name for name, want in declared.items() if want["linux"] and wanted(f"linux/{name}")]
    if native:
        yield suite.native(native)
    initrd = os.path.join(OUT, "initrd+test.cpio")
    sizes = sorted({(cpus, want["mem"]) for want in declared.values() for cpus in want["smp"]})
    for cpus, memory in sizes:
        prefix = f"guest/smp{cpus}"
        fitting = [name for name, want in declared.items()
                   if cpus in want["smp"] and memory == want["mem"] and wanted(f"{prefix}/{name}")]
        alone = [[name] for name in fitting if declared[name]["alone"]]
        shared = [name for name in fitting if not declared[name]["alone"]]
        for hand in deal(shared, max(1, CPUS // cpus)) + alone:
            yield suite.programs(prefix, Machine(cpus=cpus, memory=memory, initrd=initrd), hand)
    # Memory management once more, every invariant checked after every call of it, in both forms of identity.
    for mode, args in MODES.items():
        chosen = [name for name in CHECKED if name in declared and wanted(f"checked/{mode}/{name}")]
        if chosen:
            yield suite.programs(f"checked/{mode}", Machine(cpus=4, args=args, initrd=initrd), chosen)


def memory_seen(mebibytes):
    """What a machine of that size must find: nearly all of it."""

    def check(out):
        found = re.search(r"MemTotal: +(\d+) kB", out)
        if not found:
            return "no MemTotal"
        share = int(found[1]) / 1024 / mebibytes
        # A small machine gives a greater share to the kernel and the initrd.
        return None if (0.75 if mebibytes < 128 else 0.93) < share <= 1 else f"MemTotal is {share:.0%} of the memory"

    return check


# A word that is waited for before a key for the foreground is pressed comes from the foreground itself: before that, the
# key would meet the shell. Words to wait for are such that the echo of what was typed does not contain them.
SHELL = [
    ("# ", "echo $((6 * 7))\n"),
    ("42", "sh -c 'echo $((70 + 7)); sleep 1000'\n"),
    ("77", "\x03"),
    ("# ", "sh -c 'echo $((80 + 8)); sleep 1000'\n"),
    ("88", "\x1a"),
    ("Stopped", "jobs\n"),
    ("Stopped", "kill -9 %1; poweroff\n"),
]


def boot_jobs(suite):
    yield suite.conversation("boot/pvh", Machine(cpus=2), SHELL)
    yield suite.conversation("boot/grub-bios", Machine(boot="bios", cpus=2), SHELL)
    yield suite.conversation("boot/grub-uefi", Machine(boot="uefi", cpus=2), SHELL, slow=True)
    for mebibytes in (64, 512, 2048, 6144):
        yield suite.exec(f"boot/memory-{mebibytes}M", "-m", f"{mebibytes}M", "cat", "/proc/meminfo",
                         expect=memory_seen(mebibytes), slow=mebibytes not in (64, 6144))
    for cpus in range(1, 9):
        yield suite.exec(f"boot/smp-{cpus}", "-s", str(cpus), "sh", "-c", "nproc; grep -c ^processor /proc/cpuinfo",
                         expect=f"{cpus}\n{cpus}\n", slow=cpus not in (3, 8))


def demo_jobs(suite):
    sources = glob.glob(os.path.join(ROOT, "user/demo/*.c"))
    for name in sorted({os.path.basename(path)[:-2] for path in sources} - {"demo", "main", "step"}):
        for cpus in (1, 4):
            yield suite.exec(f"demo/{name}/smp{cpus}", "-s", str(cpus), "demo", name, "--auto", slow=cpus == 4)


def exec_jobs(suite):
    built = os.path.join(OUT, "user/exec")
    yield suite.exec("exec/pipeline", "busybox", "sh", "-c", "for i in 1 2 3; do echo $i; done | wc -l", expect="3\n")
    for kind in ("musl", "glibc", "pie"):
        yield suite.exec(f"exec/{kind}", f"{built}/hello-{kind}", "7", "a b", "", expect="hello\n[a b]\n[]\n",
                         expect_status=7)
        yield suite.exec(f"exec/threads-{kind}", "-s", "4", f"{built}/threads-{kind}", expect="4 threads, 400000\n")
    yield suite.exec("exec/stdin", "cat", stdin="one\ntwo\n", expect="one\ntwo\n")
    yield suite.exec("exec/bytes", "sh", "-c", r"printf 'a\nb\r\n\001\033[0m\177'", expect="a\nb\r\n\x01\x1b[0m\x7f")
    yield suite.exec("exec/file", "-f", "README.md:/tmp/x/readme", "head", "-c", "7", "/tmp/x/readme", expect="# Quire")
    yield suite.exec("exec/status", "sh", "-c", "exit 42", expect_status=42)
    yield suite.exec("exec/signal", "sh", "-c", "kill -SEGV $$", expect_status=139)
    yield suite.exec("exec/missing", "no-such-program", expect_status=127)
    yield suite.exec("exec/panic", "-a", "init=/no/such/init", "true", expect_status=125)
    yield suite.command("exec/timeout", "scripts/exec", "-t", "5", "sleep", "1000", expect_status=124)
    yield suite.exec("exec/icount", "--icount", "true")


def bad_jobs(suite):
    def broken(name, data):
        path = os.path.join(OUT, name)
        with open(path, "wb") as out:
            out.write(data)
        return path

    with open(machine.INITRD, "rb") as archive:
        good = archive.read()
    args = "panic=exit"
    yield suite.sentence("bad/no-initrd", Machine(initrd=None, args=args), r"quire: panic: .*(initrd|init)")
    yield suite.sentence("bad/initrd-noise", Machine(initrd=broken("bad-noise.cpio", bytes(range(256)) * 64), args=args),
                         r"initrd")
    yield suite.sentence("bad/initrd-cut", Machine(initrd=broken("bad-cut.cpio", good[: len(good) // 2]), args=args),
                         r"initrd")
    yield suite.sentence("bad/argument", Machine(args=f"{args} quire.check=maybe init=/bin/true"), r"not a value that quire\.check can have")
    yield suite.sentence("bad/init", Machine(args=f"{args} init=/no/such"), r"quire: panic: .*/no/such")
    yield suite.sentence("bad/init-not-elf", Machine(args=f"{args} init=/etc/passwd"), r"quire: panic: .*/etc/passwd")
    yield suite.sentence("bad/no-long-mode", Machine(cpu="pentium3", args=args), r"quire: panic: this CPU has no 64-bit mode")
    yield suite.sentence("bad/no-nx", Machine(cpu="qemu64,-nx", args=args), r"quire: panic: this CPU cannot forbid")
    yield suite.sentence("bad/memory", Machine(memory="12M", args=args), r"too little memory")


def tool_jobs(suite):
    yield suite.command("build/clang", "make", "-s", "O=" + os.path.join(OUT, "clang"), "CC=clang", "W=1", "kernel",
                        limit=900, slow=True)
    yield suite.command("build/lint", "make", "-s", "lint", limit=900, slow=True)
    yield suite.command("build/compile_commands", "make", "-s", "compile_commands.json")
    yield suite.command("tools/gdb", "make", "-s", "gdb", "GDB_ARGS=--selftest", expect=re.compile("gdb: stopped at kernel_main"))
    yield suite.command("tools/usage", "make", expect=re.compile(r"(?m)^  run +\S"))
    if subprocess.run(["make", "-n", "check"], cwd=ROOT, capture_output=True).returncode == 0:
        yield suite.command("host/check", "make", "-s", "check", limit=900, cpus=CPUS)


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="leave out what takes long")
    parser.add_argument("-k", action="store_true", help="go on after a panic or a hang")
    parser.add_argument("-l", action="store_true", help="list the tests")
    parser.add_argument("pattern", nargs="?", default="")
    return parser.parse_args()


def main():
    options = arguments()
    began = time.monotonic()
    machine.end_on_signals()
    suite = Suite(options.k)

    def wanted(name):
        return options.pattern in name or name in options.pattern

    if not machine.build("W=1", "kernel", "initrd", "tests", "iso"):
        suite.report.fail("build/gcc", "the build failed")
        return suite.report.summary()
    os.environ["QUIRE_BUILT"] = "1"
    test_initrd()
    jobs = [job for kind in (tool_jobs, boot_jobs, exec_jobs, bad_jobs, demo_jobs) for job in kind(suite)
            if wanted(job.name) and not (options.fast and job.slow)]
    jobs += guest_jobs(suite, wanted)
    if options.l:
        print(*sorted(job.name for job in jobs), sep="\n")
        return 0
    if wanted("build/gcc"):
        suite.report.ok("build/gcc", f"{time.monotonic() - began:.1f} s")
    try:
        suite.run(jobs)
    except (KeyboardInterrupt, SystemExit):
        suite.stop.set()
        suite.report.fail("run", "interrupted")
    print(f"{time.monotonic() - began:.0f} s")
    return suite.report.summary()


sys.exit(main())
