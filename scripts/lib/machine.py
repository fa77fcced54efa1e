"""The machine: QEMU's command line, and watching a guest run in it.

A guest ends by itself (what process 1 ended with, or a panic, stands on the second serial port), or it is ended: when it has
said nothing on any port for too long, or as the backstop when a time is over. QEMU's own exit status is not evidence: a triple
fault looks like a clean end. Only the kernel's last words are.

    ttyS0 console      ttyS1 results and last words      ttyS2 events      ttyS3 error output of scripts/exec

Ports are socket pairs, so nothing in the file system or network is shared with another run.
"""
import os
import re
import selectors
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field

CONSOLE, RESULTS, EVENTS, ERRORS = range(4)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, os.environ.get("O", "build"))
KERNEL = os.path.join(OUT, "quire.elf")
INITRD = os.path.join(OUT, "initrd.cpio")
TEST_INITRD = os.path.join(OUT, "test.cpio")
ISO = os.path.join(OUT, "quire.iso")
OVMF = "/usr/share/ovmf/OVMF.fd"

# The machine of the scoreboard: one instruction is one tick, and two runs are equal to the digit.
ICOUNT = ["-accel", "tcg,thread=single", "-cpu", "max,-erms", "-icount", "shift=0,sleep=off"]
PLAIN = ["-accel", "tcg,thread=multi"]


@dataclass
class Machine:
    memory: str = "512M"
    cpus: int = 1
    args: str = ""  # the kernel's command line
    boot: str = "direct"  # or "bios", "uefi": the ISO through GRUB, which has its own command line
    initrd: str | None = INITRD
    kernel: str = KERNEL
    iso: str = ISO
    icount: bool = False
    cpu: str = "max"

    def command(self):
        """QEMU's command line, but for the serial ports."""
        command = ["qemu-system-x86_64", *(ICOUNT if self.icount else [*PLAIN, "-cpu", self.cpu])]
        command += ["-m", self.memory, "-smp", str(self.cpus), "-nic", "none", "-no-reboot", "-display", "none"]
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x01"]
        if self.boot == "direct":
            command += ["-kernel", self.kernel, "-append", self.args]
            if self.initrd:
                command += ["-initrd", self.initrd]
        else:
            command += ["-cdrom", self.iso, "-boot", "d"]
            if self.boot == "uefi":
                command += ["-bios", OVMF]
        return command


@dataclass
class Result:
    """How a run ended: "exit" and "signal" with process 1's status or signal, "panic" with its sentence, "silent", "late",
    "stopped" (by the caller), or "died": QEMU ended and the kernel had no last words."""

    end: str = "died"
    value: int | str = 0
    text: list = field(default_factory=lambda: [bytearray() for _ in range(4)])  # everything that each port said
    qemu: str = ""  # what QEMU itself said
    status: int | None = None  # its exit status, when it ended by itself
    heard: int = 0  # how many of the expected texts of a conversation came
    seconds: float = 0.0

    def port(self, number):
        return self.text[number].decode(errors="replace").replace("\r\n", "\n")

    def tail(self, lines=30):
        """The last lines of console and results, for a person to see what went wrong."""
        parts = []
        for number, name in ((CONSOLE, "console"), (RESULTS, "ttyS1")):
            last = self.port(number).splitlines()[-lines:]
            if last:
                parts.append(f"--- {name}, last {len(last)} lines")
                parts += last
        if self.qemu:
            parts.append(f"--- qemu\n{self.qemu.strip()}")
        return "\n".join(parts)

    def __str__(self):
        return {
            "exit": f"init exited with status {self.value}",
            "signal": f"init was killed by signal {self.value}",
            "panic": f"panic: {self.value}",
            "silent": f"hung: no word from the guest for {self.value} s",
            "late": f"not finished after {self.value} s",
            "stopped": "stopped",
            "died": "the machine stopped without a word from the kernel",
        }[self.end]


LAST_WORDS = re.compile(rb"quire: (?:init (exited with status|killed by signal) (\d+)|(panic): ([^\r\n]*))[\r\n]")


def last_words(results):
    """(end, value) from the second serial port's text, or None as long as the guest lives."""
    found = LAST_WORDS.search(results)
    if not found:
        return None
    if found[3]:
        return "panic", found[4].decode(errors="replace")
    return ("exit" if found[1].startswith(b"exited") else "signal"), int(found[2])


class Guest:
    """One run. `hear(port, bytes)` is called for whatever the guest says, `talk` is a list of (wait for, then type) on the
    console."""

    GRACE = 10  # seconds that a guest may need to leave after its last words

    def __init__(self, machine, hear=None, talk=(), silence=60, limit=None, cancelled=lambda: False):
        self.machine, self.hear, self.talk = machine, hear, talk
        self.silence, self.limit, self.cancelled = silence, limit, cancelled
        self.result = Result()
        self.heard_upto = 0  # of the console, by the conversation

    def run(self):
        pairs = [socket.socketpair() for _ in range(4)]
        command = self.machine.command()
        for number, (_, theirs) in enumerate(pairs):
            command += ["-chardev", f"socket,id=s{number},fd={theirs.fileno()}", "-serial", f"chardev:s{number}"]
        began = time.monotonic()
        with subprocess.Popen(command, pass_fds=[theirs.fileno() for _, theirs in pairs], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as qemu:
            for _, theirs in pairs:
                theirs.close()
            self.ports = [ours for ours, _ in pairs]
            try:
                if self._watch(began):
                    qemu.wait(self.GRACE)
            finally:
                self.result.status = qemu.poll()
                qemu.kill()
                for port in self.ports:
                    port.close()
                self.result.qemu = qemu.stdout.read().decode(errors="replace")
        self.result.seconds = time.monotonic() - began
        return self.result

    def _watch(self, began):
        """Read the ports until they are closed, which is QEMU's end: True; or until a limit is reached: False."""
        with selectors.DefaultSelector() as selector:
            for number, port in enumerate(self.ports):
                selector.register(port, selectors.EVENT_READ, number)
            heard = began
            while selector.get_map():  # a port leaves it when QEMU ends
                for key, _ in selector.select(timeout=0.5):
                    data = _receive(key.fileobj)
                    if not data:
                        selector.unregister(key.fileobj)
                        continue
                    heard = time.monotonic()
                    self._take(key.data, data)
                now = time.monotonic()
                if self.result.end in ("exit", "signal", "panic"):
                    if now - heard > self.GRACE:
                        return False
                elif now - heard > self.silence:
                    self.result.end, self.result.value = "silent", self.silence
                    return False
                elif self.cancelled():
                    self.result.end = "stopped"
                    return False
                elif self.limit and now - began > self.limit:
                    self.result.end, self.result.value = "late", self.limit
                    return False
            return True

    def _take(self, number, data):
        self.result.text[number] += data
        if number == RESULTS and self.result.end == "died":
            text = self.result.text[RESULTS]
            if words := last_words(text[-len(data) - 300 :]):
                self.result.end, self.result.value = words
        if self.hear:
            self.hear(number, data)
        if number == CONSOLE and self.result.heard < len(self.talk):
            self._converse()

    def _converse(self):
        expected, reply = self.talk[self.result.heard]
        at = self.result.text[CONSOLE].find(expected.encode(), self.heard_upto)
        if at >= 0:
            self.heard_upto = at + len(expected.encode())
            self.result.heard += 1
            self.ports[CONSOLE].sendall(reply.encode())


def _receive(port):
    try:
        return port.recv(65536)
    except ConnectionError:
        return b""


def build(*targets):
    """Make targets; False, with make's words on our error output, when that failed. Callers that build once for many runs
    set QUIRE_BUILT in the environment of these."""
    if os.environ.get("QUIRE_BUILT"):
        return True
    make = ["make", "-s", "-C", ROOT, f"-j{os.cpu_count()}", *targets]
    return subprocess.run(make, stdout=2, stdin=subprocess.DEVNULL).returncode == 0


def end_on_signals():
    """Be ended by SIGTERM and SIGHUP as by Ctrl-C, so that no guest stays behind."""

    def stop(number, _):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
