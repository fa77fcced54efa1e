"""Boot Quire with one program as its only process.

The program's output goes to stdout and stderr, its status is the exit status (128 + N when signal N killed it);
124: the time was over, 125: the kernel panicked or the machine stopped, 126 and 127: the program could not be executed.

PROGRAM is a static ELF file of this machine, or the name of a program in the initrd where no such file exists here.
When stdin is a terminal it is the program's terminal (Ctrl-A X leaves); otherwise it is read to its end first.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

import cpio
import machine
from machine import CONSOLE, ERRORS, RESULTS


def parse():
    parser = argparse.ArgumentParser(prog="scripts/exec", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", metavar="MEM", default=None, help="memory, 512M unless told (--icount: 2048M)")
    parser.add_argument("-s", metavar="CPUS", type=int, default=1, help="processors, 1 unless told")
    parser.add_argument("-a", metavar="KERNEL-ARGS", default="", help="more arguments for the kernel")
    parser.add_argument("-f", metavar="HOSTFILE:GUESTPATH", action="append", default=[],
                        help="put a file or folder into the guest; may be repeated")
    parser.add_argument("-t", metavar="SECONDS", type=float, default=None, help="give up after so many seconds")
    parser.add_argument("-k", metavar="KERNEL", default=machine.KERNEL, help="another build of the kernel")
    parser.add_argument("-v", action="store_true", help="show the kernel's log on stderr")
    parser.add_argument("--icount", action="store_true", help="the scoreboard's machine: one instruction, one tick")
    parser.add_argument("program", metavar="PROGRAM")
    parser.add_argument("args", metavar="ARG", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.icount and options.s != 1:
        parser.error("--icount is a machine of one processor")
    for entry in options.f:
        if ":" not in entry or not os.path.exists(entry.rpartition(":")[0]):
            parser.error(f"-f {entry}: no such file here, or not of the form HOSTFILE:GUESTPATH")
    return options


def interpreter_of(path):
    """The dynamic linker that an ELF file of this machine asks for; None when it is static. Ends with a sentence when it
    is no program at all."""
    with open(path, "rb") as program:
        head = program.read(64)
        if head[:2] == b"#!":
            return None
        if head[:5] != b"\x7fELF\x02" or head[18:20] != b"\x3e\0":
            sys.exit(f"scripts/exec: {path}: neither an x86-64 ELF program nor a script")
        offset, size, count = (int.from_bytes(head[a:b], "little") for a, b in ((32, 40), (54, 56), (56, 58)))
        program.seek(offset)
        for _ in range(count):
            entry = program.read(size)
            if entry[:4] == b"\3\0\0\0":  # PT_INTERP
                program.seek(int.from_bytes(entry[8:16], "little"))
                return program.read(256).split(b"\0")[0].decode()
    return None


def pack(options, interactive):
    """What the run adds to the initrd: program, arguments, input, files."""
    archive = cpio.Archive()
    archive.directory(".exec")
    program = options.program
    if os.path.isfile(program):
        linker = interpreter_of(program)
        if linker and not any(entry.endswith(":" + linker) for entry in options.f):
            sys.exit(f"scripts/exec: {program} is linked dynamically; link it with -static (or give {linker} with -f)")
        guest = "/.exec/bin/" + os.path.basename(program)
        archive.file(guest, program, 0o755)
        program = guest
    argv = [program, options.program, *options.args]
    archive.data(".exec/argv", b"".join(os.fsencode(arg) + b"\0" for arg in argv))
    if not interactive:
        archive.data(".exec/stdin", sys.stdin.buffer.read())
    for entry in options.f:
        host, _, guest = entry.rpartition(":")
        archive.file(guest, host)
    return archive.pack()


def hear(verbose):
    """Pass on what the ports say: output to output, error output to error output."""
    streams = {CONSOLE: sys.stdout.buffer, ERRORS: sys.stderr.buffer}
    if verbose:
        streams[RESULTS] = sys.stderr.buffer

    def pass_on(port, data):
        if port in streams:
            streams[port].write(data)
            streams[port].flush()

    return pass_on


def run_on_terminal(guest, limit):
    """The console is this terminal: QEMU has it, we only learn how the run ended."""
    with tempfile.NamedTemporaryFile() as results:
        command = [*guest.command(), "-chardev", "stdio,id=s0,mux=on,signal=off", "-mon", "s0",
                   "-serial", "chardev:s0", "-serial", f"file:{results.name}", "-serial", "null", "-serial", "null"]
        outcome = machine.Result()
        try:
            outcome.qemu = subprocess.run(command, timeout=limit, stderr=subprocess.PIPE).stderr.decode()
        except subprocess.TimeoutExpired:
            outcome.end, outcome.value = "late", limit
            subprocess.run(["stty", "sane"])
        outcome.text[RESULTS] = results.read()
        if words := machine.last_words(outcome.text[RESULTS]):
            outcome.end, outcome.value = words
        return outcome


def status_of(outcome):
    if outcome.end == "exit":
        return outcome.value
    if outcome.end == "signal":
        return 128 + outcome.value
    print(f"scripts/exec: {outcome}", file=sys.stderr)
    if outcome.end == "late":
        return 124
    print(re.sub(r"(?s)--- console.*?(?=--- ttyS1|--- qemu|$)", "", outcome.tail()), file=sys.stderr)
    return 125


def main():
    options = parse()
    machine.end_on_signals()
    if not machine.build("kernel", "initrd"):
        sys.exit("scripts/exec: the kernel could not be built")
    interactive = sys.stdin.isatty()
    with tempfile.NamedTemporaryFile(prefix="exec.", dir=machine.OUT) as initrd:
        with open(machine.INITRD, "rb") as base:
            initrd.write(base.read())
        initrd.write(pack(options, interactive))
        initrd.flush()
        guest = machine.Machine(memory=options.m or ("2048M" if options.icount else "512M"), cpus=options.s,
                                args=f"init=/sbin/exec-init panic=exit log=ttyS1 {options.a}".strip(),
                                initrd=initrd.name, kernel=options.k, icount=options.icount)
        if interactive:
            outcome = run_on_terminal(guest, options.t)
        else:
            # Only -t limits a program: it may compute in silence as long as it likes.
            outcome = machine.Guest(guest, hear(options.v), silence=float("inf"), limit=options.t).run()
        sys.exit(status_of(outcome))


main()
