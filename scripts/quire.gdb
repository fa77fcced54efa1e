# Given to gdb by scripts/gdb, in the build folder; nothing is loaded by itself.
set confirm off
set pagination off
set architecture i386:x86-64
file quire.elf
target remote gdb.sock
