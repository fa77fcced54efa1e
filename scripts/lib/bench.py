"""The scoreboard: run user/bench/bench on the machine whose tick is one instruction, print its rows beside the known ones.

The program prints `row N: VALUE NAME`, for all rows or those that its arguments name. Our kernel is built for it without
CONFIG_DEBUG, in a build folder of its own. Linux gets the program as /init of an initrd that contains nothing else.
"""
import os
import re
import subprocess
import sys

import cpio
import machine
from machine import CONSOLE, OUT, ROOT, Guest, Machine

TARGET = os.path.join(os.environ.get("O", "build"), "user/bench/bench")  # as make knows it
BENCH = os.path.join(ROOT, TARGET)
# Packages that stand for the newest of a series.
SERIES = ["linux-image-cloud-amd64", "linux-image-6.12-cloud-amd64"]
LINUX_ARGS = "console=ttyS0 quiet mitigations=off init_on_alloc=0 nokaslr panic=-1"


def known():
    """row -> (figures of Linux 6.12 and 7.2, bar, aim as text; operation)"""
    rows = {}
    with open(os.path.join(ROOT, "scripts/scoreboard.txt")) as table:
        for line in table:
            if not line.startswith("#"):
                row, *figures, operation = line.split(maxsplit=5)
                rows[int(row)] = (*figures, operation.strip())
    return rows


def measured(text):
    return {int(row): float(value) for row, value in re.findall(r"(?m)^row (\d+): ([\d.]+)", text)}


def show(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def figure(text):
    return None if text == "-" else float(text)


def print_ours(ours):
    """Our column between the others; 1 when a row is worse than Linux."""
    print(f"{'#':>2}  {'operation':<58}{'ours':>12}{'6.12':>13}{'7.2':>13}{'bar':>13}{'aim':>11}")
    worse = []
    for row, (old, new, bar, aim, operation) in known().items():
        if row not in ours:
            continue
        linux = [figure(text) for text in (old, new) if text != "-"]
        mark = "WORSE THAN LINUX" if ours[row] > min(linux) else "over the bar" if ours[row] > figure(bar) else ""
        if ours[row] > min(linux):
            worse.append(row)
        columns = "".join(f"{show(figure(text)):>{width}}" for text, width in zip((old, new, bar, aim), (13, 13, 13, 11)))
        print(f"{row:>2}  {operation:<58}{show(ours[row]):>12}{columns}  {mark}".rstrip())
    missing = sorted(known().keys() - ours.keys())
    if worse:
        print(f"worse than Linux: rows {', '.join(map(str, worse))}")
    return 1 if worse or missing and len(sys.argv) == 1 else 0


def bench_ours(rows):
    """Build without the checks that cost time, run, print."""
    quick = os.path.join(OUT, "bench")
    os.makedirs(quick, exist_ok=True)
    with open(os.path.join(quick, ".config"), "w") as config:
        config.write("# CONFIG_DEBUG is not set\n")
    if not machine.build("initrd", TARGET) or not machine.build("O=" + quick, "kernel"):
        return 1
    run = [os.path.join(ROOT, "scripts/exec"), "--icount", "-k", os.path.join(quick, "quire.elf"), "-t", "1800", BENCH, *rows]
    done = subprocess.run(run, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "QUIRE_BUILT": "1"})
    if done.returncode:
        print(done.stdout, f"bench ended with status {done.returncode}", sep="\n", file=sys.stderr)
    return print_ours(measured(done.stdout)) or done.returncode


def linux_kernels():
    """Download the newest cloud kernel of each series; (version, vmlinuz) of those that the archive has."""
    folder = os.path.join(OUT, "linux")
    os.makedirs(folder, exist_ok=True)
    for series in SERIES:
        depends = subprocess.run(["apt-cache", "depends", "--important", series], capture_output=True, text=True).stdout
        package = re.search(r"Depends: (linux-image-([\d.]+\S*)-cloud-amd64)", depends)
        if not package:
            print(f"{series}: not in the package lists of this machine", file=sys.stderr)
            continue
        name, version = package.groups()
        kernel = os.path.join(folder, f"boot/vmlinuz-{version}-cloud-amd64")
        if not os.path.exists(kernel):
            print(f"downloading {name}", file=sys.stderr)
            # apt's own user may have no right to write here; a copy in its folder and a move would gain nothing.
            subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name], cwd=folder, check=True)
            for file in os.listdir(folder):
                if file.startswith(name + "_"):
                    subprocess.run(["dpkg-deb", "--fsys-tarfile", file], cwd=folder, check=True,
                                   stdout=open(os.path.join(folder, "fs.tar"), "wb"))
                    subprocess.run(["tar", "xf", "fs.tar", "./boot"], cwd=folder, check=True)
                    os.remove(os.path.join(folder, "fs.tar"))
                    os.remove(os.path.join(folder, file))
        yield version, kernel


def bench_linux(rows):
    if not machine.build(TARGET):
        return 1
    archive = cpio.Archive()
    archive.directory("proc")
    archive.directory("tmp", 0o1777)
    archive.node("dev/console", 0o600, 5, 1)
    archive.node("dev/null", 0o666, 1, 3)
    archive.file("init", BENCH, 0o755)
    initrd = os.path.join(OUT, "linux.cpio")
    with open(initrd, "wb") as out:
        out.write(archive.pack())
    columns = {}
    for version, kernel in linux_kernels():
        print(f"running under Linux {version}", file=sys.stderr)
        args = f"{LINUX_ARGS} -- {' '.join(rows)}" if rows else LINUX_ARGS
        guest = Machine(memory="2048M", kernel=kernel, initrd=initrd, args=args, icount=True)
        result = Guest(guest, silence=600, limit=1800).run()
        columns[version] = measured(result.port(CONSOLE))
        if not columns[version]:
            print(result.tail(), file=sys.stderr)
    print(f"{'#':>2}  {'operation':<58}" + "".join(f"{version:>18}" for version in columns))
    for row, (*_, operation) in known().items():
        figures = [column.get(row) for column in columns.values()]
        if any(figures):
            print(f"{row:>2}  {operation:<58}" + "".join(f"{show(value):>18}" for value in figures))
    return 0 if columns and all(columns.values()) else 1


def main(arguments):
    machine.end_on_signals()
    if arguments[:1] == ["--linux"]:
        return bench_linux(arguments[1:])
    return bench_ours(arguments)


sys.exit(main(sys.argv[1:]))
