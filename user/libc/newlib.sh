#!/bin/sh
# Builds newlib for Quire, once for each set of inputs.
#
#	newlib.sh OUTDIR
#
# The result is OUTDIR/newlib-HASH, HASH being taken over everything that goes into it: the source
# package, this script, the overlay headers, the kernel's headers below kernel/uapi that they include, and the
# compiler. OUTDIR/newlib is a link to the current one. An existing result is never built again.
#
#	newlib-HASH/lib/{libc,libm}.a	newlib without the members that user/libc replaces
#	newlib-HASH/include		its headers, to be searched after user/libc/include
#	newlib-HASH/log			what configure and make said
#
# The compiler is the machine's own gcc: it differs from an x86_64-elf one in its include path and its
# __linux__ macros, and both are switched off here.
set -eu

out=$1
port=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$port/../.." && pwd)
cc=${NEWLIB_CC:-gcc}
target=x86_64-quire-elf

fail()
{
	echo "newlib.sh: $*" >&2
	exit 1
}

tarball=$(ls /usr/src/newlib/newlib-*.tar.xz 2>/dev/null | tail -n 1)
[ -n "$tarball" ] || fail "no newlib source below /usr/src/newlib: install the package newlib-source"

# Everything a C file of newlib can include before newlib's own headers.
isolated="-nostdinc -U__linux__ -U__linux -Ulinux -U__gnu_linux__ -I$port/include -I$root"
isolated="$isolated -isystem $("$cc" -print-file-name=include)"

headers=$(find "$port/include" -name '*.h' | LC_ALL=C sort)
uapi=$(sed -n 's/^#include <\(kernel\/uapi\/[a-z]*\.h\)>.*/\1/p' $headers | LC_ALL=C sort -u)
uapi="$uapi $(cd "$root" && sed -n 's/^#include "\([a-z]*\.h\)".*/kernel\/uapi\/\1/p' $uapi | LC_ALL=C sort -u)"
hash=$({
	sha256sum < "$tarball"
	sha256sum < "$port/newlib.sh"
	cd "$root" && cat $headers && cat $uapi
	"$cc" -v 2>&1 | tail -n 1
	ld -v
} | sha256sum | cut -c1-12)

result=$out/newlib-$hash
if [ -f "$result/lib/libc.a" ]; then
	[ "$(readlink "$out/newlib" 2>/dev/null)" = "newlib-$hash" ] || touch "$result/lib/libc.a"
	ln -sfn "newlib-$hash" "$out/newlib"
	exit 0
fi

mkdir -p "$out"
work=$out/newlib-work.$$
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/build"
work=$(cd "$work" && pwd)
echo "  NEWLIB  $result (once, about a minute)"
tar -xf "$tarball" -C "$work"
src=$(ls -d "$work"/newlib-*)

# A new target is a case in newlib's configure.host, first in the table so that it wins.
features="-D_COMPILING_NEWLIB -DMISSING_SYSCALL_NAMES -DHAVE_OPENDIR -DHAVE_RENAME -DHAVE_FCNTL -DHAVE_MKDIR"
features="$features -DHAVE_BLKSIZE -DHAVE_NANOSLEEP -DSIGNAL_PROVIDED -DCLOCK_PROVIDED"
features="$features -DGETREENT_PROVIDED -DABORT_PROVIDED -DHAVE_MMAP=1 -DHAVE_MREMAP=1"
features="$features -D_NO_GETCWD -D_NO_GETUT -D_NO_GETPASS -D_NO_GETLOGIN -D_NO_SIGSET -D_NO_POPEN"
features="$features -D_NO_PREAD -D_NO_PWRITE"
awk -v features="$features" '
	{ print }
	/^# THIS TABLE IS ALPHA SORTED/ && ++tables == 3 { want = 1 }
	want && /^case "\${host}" in/ {
		print "  x86_64-quire-*)"
		print "	newlib_cflags=\"${newlib_cflags} " features "\""
		print "	posix_dir=posix"
		print "	unix_dir=unix"
		print "	have_init_fini=no"
		print "	syscall_dir="
		print "	;;"
		want = 0
		done = 1
	}
	END { exit !done }' "$src/newlib/configure.host" > "$work/configure.host" ||
	fail "newlib's configure.host is not as expected"
cp "$work/configure.host" "$src/newlib/configure.host"

# newlib's malloc can use mmap() for large blocks, but switches it off without asking.
malloc=$src/newlib/libc/stdlib/mallocr.c
grep -q '^#define HAVE_MMAP 0$' "$malloc" || fail "newlib's mallocr.c is not as expected"
sed '/^#define HAVE_MMAP 0$/{s/^/#ifndef HAVE_MMAP\n/;s/$/\n#endif/}' "$malloc" > "$work/mallocr.c"
cp "$work/mallocr.c" "$malloc"

cflags="-O2 -g -std=gnu11 -ffunction-sections -fdata-sections -fno-pic -fno-pie -fno-stack-protector"
cflags="$cflags -fcf-protection=none -w $isolated"
(
	cd "$work/build" &&
	"$src/configure" --target=$target --prefix="$work/installed" \
		CC_FOR_TARGET="$cc" AR_FOR_TARGET=ar AS_FOR_TARGET=as LD_FOR_TARGET=ld \
		NM_FOR_TARGET=nm RANLIB_FOR_TARGET=ranlib STRIP_FOR_TARGET=strip \
		OBJCOPY_FOR_TARGET=objcopy OBJDUMP_FOR_TARGET=objdump READELF_FOR_TARGET=readelf \
		CFLAGS_FOR_TARGET="$cflags" MAKEINFO=: \
		--disable-multilib --disable-nls --disable-libgloss \
		--disable-newlib-supplied-syscalls --enable-newlib-io-long-long \
		--enable-newlib-io-c99-formats --enable-newlib-io-long-double --enable-newlib-mb \
		--enable-newlib-retargetable-locking --enable-newlib-global-stdio-streams &&
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -j"$(nproc)" all-target-newlib &&
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make install-target-newlib
) > "$work/log" 2>&1 || {
	tail -n 30 "$work/log" >&2
	cp "$work/log" "$out/newlib-failed.log"
	fail "newlib did not build; all of it is in $out/newlib-failed.log"
}

# What user/libc supplies instead: a linker takes a symbol from the archive it happens to be in.
installed=$work/installed/$target
ar d "$installed/lib/libc.a" lib_a-lock.o lib_a-system.o lib_a-isatty.o lib_a-_isatty.o lib_a-execvp.o
rm -rf "$result"
mkdir -p "$result"
mv "$installed/include" "$installed/lib" "$work/log" "$result/"
ln -sfn "newlib-$hash" "$out/newlib"
