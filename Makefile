# Quire's build. `make` alone lists the targets. Everything made lies below $(O), so a checkout stays clean, two of them
# never meet, and O=... makes a second build beside the first (CC=clang O=build/clang).

O ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
PYTHON := /usr/bin/python3 -B
LD := ld
NM := nm
MUSL_CC := musl-gcc

KERNEL := $(O)/quire.elf
INITRD := $(O)/initrd.cpio
TEST_INITRD := $(O)/test.cpio
ISO := $(O)/quire.iso
CONFIG := $(O)/.config
CONFIG_H := $(O)/include/config.h

.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
DOCUMENTED := run test iso kernel gdb doctor menuconfig compile_commands.json lint bench bench-linux clean distclean
.PHONY: help $(DOCUMENTED) initrd tests FORCE

help: # (what `make` alone does)
	@echo "Quire. Targets:"
	@for target in $(DOCUMENTED); do \
		sed -n "s/^$$target:[^#]*## /$$target /p" Makefile; \
	done | awk '{ name = $$1; $$1 = ""; printf "  %-22s%s\n", name, $$0 }'
	@echo "Variables: O=folder CC=gcc|clang W=1 (warnings are errors)"

# ---------------------------------------------------------------------------------------------------------------------
# Kernel

# Warnings end the build where nobody would read them.
WERROR := $(if $(W)$(CI),-Werror)
CC_INCLUDE := $(shell $(CC) -print-file-name=include)
INCLUDES := -I. -Iarch/x86_64/include -I$(O)/include
KCPPFLAGS := -nostdinc -isystem $(CC_INCLUDE) $(INCLUDES) -include $(CONFIG_H)
KCFLAGS := -std=gnu11 -O2 -g -Wall -Wextra $(WERROR) -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	-fno-strict-aliasing -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
	-mcmodel=kernel -mno-red-zone -mgeneral-regs-only
# A build-id would become a loaded segment of its own.
KLDFLAGS := -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments

KSRCS := $(sort $(wildcard boot/*.S arch/x86_64/*.c arch/x86_64/*.S kernel/*.c kernel/lib/*.c kernel/fs/*.c mm/*.c))
KOBJS := $(KSRCS:%=$(O)/obj/%.o)
KLDSCRIPT := $(firstword $(wildcard boot/*.ld))
BUILD_ID := $(O)/obj/flags

kernel: $(KERNEL) ## the kernel alone, build/quire.elf

$(CONFIG_H): Kconfig scripts/lib/kconfig.py $(wildcard $(CONFIG))
	@mkdir -p $(@D)
	@$(PYTHON) scripts/lib/kconfig.py $(CONFIG) $@
	@touch $@

# What the objects were compiled with: another compiler or other flags compile them again. Not so -Werror, which changes no
# object: scripts/test would otherwise compile everything again after scripts/run, and the reverse.
COMPILED_WITH := $(CC) $(KCPPFLAGS) $(filter-out -Werror,$(KCFLAGS))
$(BUILD_ID): FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILED_WITH)' | cmp -s - $@ || echo '$(COMPILED_WITH)' >$@

$(O)/obj/%.c.o: %.c $(CONFIG_H) $(BUILD_ID)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(KCPPFLAGS) $(KCFLAGS) -MMD -MP -c $< -o $@

$(O)/obj/%.S.o: %.S $(CONFIG_H) $(BUILD_ID)
	@mkdir -p $(@D)
	@echo "  AS    $<"
	@$(CC) $(KCPPFLAGS) -D__ASSEMBLER__ -g -Wa,--noexecstack -mcmodel=kernel -fno-pic -MMD -MP -c $< -o $@

# Two passes: the first image tells the addresses, the second contains their table. The table lies behind the code, so
# the second image has the same ones; should that ever fail, the comparison says so.
link = $(LD) $(KLDFLAGS) -T $(KLDSCRIPT) -o $(1) $(KOBJS) $(2)
$(KERNEL): $(KOBJS) $(KLDSCRIPT) scripts/mksyms
	@echo "  LINK  $@"
	@$(call link,$(O)/obj/pass1.elf)
	@$(NM) --defined-only $(O)/obj/pass1.elf | scripts/mksyms >$(O)/obj/ksyms.S
	@$(CC) -c $(O)/obj/ksyms.S -o $(O)/obj/ksyms.o
	@$(call link,$@.tmp,$(O)/obj/ksyms.o)
	@$(NM) --defined-only $@.tmp | scripts/mksyms | cmp - $(O)/obj/ksyms.S
	@mv $@.tmp $@

-include $(KOBJS:.o=.d)

# ---------------------------------------------------------------------------------------------------------------------
# User programs. Those that run on Linux too are linked with musl; ours on newlib have their rules in user/.

INITRD_FILES := # HOSTPATH:GUESTPATH:MODE, for everybody
TEST_FILES := # the same, only where tests run
# Tests touch what they must not, on purpose.
UCFLAGS := -std=gnu11 -O2 -Wall -Wextra -Wno-array-bounds $(WERROR)

TEST_SRCS := $(sort $(wildcard user/test/*.c))
TEST_PROGRAMS := $(TEST_SRCS:%.c=$(O)/%)
BENCH_PROGRAMS := $(patsubst %.c,$(O)/%,$(sort $(wildcard user/bench/*.c)))

INITRD_FILES += $(O)/user/init/init:/sbin/init:755 $(O)/user/init/exec-init:/sbin/exec-init:755
TEST_FILES += $(O)/user/init/test-init:/sbin/test-init:755

# test.mk may set CFLAGS_NAME and CC_NAME (say CC_threads := gcc) for user/test/NAME.c, and add programs.
-include user/test/test.mk
-include user/libc/libc.mk
-include user/user.mk
-include mm/test/test.mk

# What scripts/exec is tested with: each as the three kinds of static program there are.
EXEC_PROGRAMS := $(foreach n,hello threads,$(foreach k,musl glibc pie,$(O)/user/exec/$(n)-$(k)))
$(O)/user/exec/%-musl: LINK_AS := $(MUSL_CC) -static
$(O)/user/exec/%-glibc: LINK_AS := gcc -static
$(O)/user/exec/%-pie: LINK_AS := gcc -static-pie -fPIE
define exec_rule
$(O)/user/exec/%-$(1): user/exec/%.c
	@mkdir -p $$(@D)
	@$$(LINK_AS) $$(UCFLAGS) $$< -o $$@ -pthread
endef
$(foreach kind,musl glibc pie,$(eval $(call exec_rule,$(kind))))

TEST_FILES += $(foreach p,$(TEST_PROGRAMS),$(p):/test/$(notdir $(p)):755)

define musl_rule
$(O)/user/$(1)/%: user/$(1)/%.c $$(wildcard user/$(1)/*.h)
	@mkdir -p $$(@D)
	@echo "  USER  $$<"
	@$$(or $$(CC_$$*),$$(MUSL_CC)) $$(UCFLAGS) -static $$(CFLAGS_$$*) $$< -o $$@ $$(LDLIBS_$$*)
endef
$(foreach dir,init test bench,$(eval $(call musl_rule,$(dir))))

host_paths = $(foreach f,$(1),$(firstword $(subst :, ,$(f))))

initrd: $(INITRD)
$(INITRD): boot/initrd.list $(shell find boot/initrd -type f 2>/dev/null) scripts/mkinitrd scripts/lib/cpio.py \
		$(call host_paths,$(INITRD_FILES)) $(O)/initrd.files
	@echo "  CPIO  $@"
	@scripts/mkinitrd $@ boot/initrd.list $(INITRD_FILES)

tests: $(TEST_INITRD) $(EXEC_PROGRAMS) $(BENCH_PROGRAMS)
$(TEST_INITRD): scripts/mkinitrd scripts/lib/cpio.py $(call host_paths,$(TEST_FILES)) $(O)/test.files
	@echo "  CPIO  $@"
	@scripts/mkinitrd $@ $(TEST_FILES)

# The lists themselves: a file that left a list leaves the archive too.
$(O)/initrd.files: FORCE
	@echo '$(INITRD_FILES)' | cmp -s - $@ || echo '$(INITRD_FILES)' >$@
$(O)/test.files: FORCE
	@echo '$(TEST_FILES)' | cmp -s - $@ || echo '$(TEST_FILES)' >$@
$(O)/initrd.files $(O)/test.files: | $(O)/obj
$(O)/obj:
	@mkdir -p $@

# ---------------------------------------------------------------------------------------------------------------------
# The bootable image, and what people do

iso: $(ISO) ## the bootable image, build/quire.iso (BIOS and UEFI, through GRUB)
$(ISO): $(KERNEL) $(INITRD) boot/grub.cfg scripts/mkiso
	@echo "  ISO   $@"
	@scripts/mkiso $@ $(KERNEL) $(INITRD)

run: ## build and boot it in QEMU on this terminal (scripts/run says more)
	@scripts/run

test: ## every test (scripts/test says more)
	@scripts/test

gdb: kernel initrd ## QEMU stopped at its first instruction, and gdb on it
	@O=$(O) ARGS="$(ARGS)" SMP="$(or $(SMP),1)" scripts/gdb $(GDB_ARGS)

doctor: ## check everything that building and running needs, ending with a boot
	@scripts/doctor

menuconfig: ## choose build options
	@mkdir -p $(O)
	@KCONFIG_CONFIG=$(CONFIG) /usr/bin/python3 -B -m menuconfig Kconfig

compile_commands.json: $(O)/compile_commands.json ## what editors want to know, in build/
$(O)/compile_commands.json: $(CONFIG_H) $(BUILD_ID) FORCE
	@for src in $(filter %.c,$(KSRCS)); do \
		printf ',{"directory": "%s", "file": "%s", "command": "%s -c %s"}\n' \
			"$(CURDIR)" $$src "$(CC) $(KCPPFLAGS) $(KCFLAGS)" $$src; \
	done | sed '1s/^,/[/; $$s/$$/]/' >$@

bench: ## the scoreboard: what operations cost here, beside Linux
	@O=$(O) scripts/bench

bench-linux: ## the same program under Debian's cloud kernel (downloads it)
	@O=$(O) scripts/bench --linux

clean: ## remove what was built; newlib, which takes longest and changes least, stays
	@if [ -d $(O) ]; then find $(O) -mindepth 1 -maxdepth 1 ! -name 'newlib-*' -exec rm -rf {} +; fi

distclean: ## remove the build folder
	@rm -rf $(O)

# ---------------------------------------------------------------------------------------------------------------------
# Lint: lock contracts (clang's thread-safety analysis), clang-tidy with .clang-tidy, sparse. A source that passed is not
# looked at again until it, or a header, changes.

LINT_CPPFLAGS := -nostdinc $(INCLUDES) -include $(CONFIG_H)
LINT_INCLUDE = $(shell clang -print-file-name=include)
LINT_CFLAGS := $(filter-out -g,$(KCFLAGS))
LINTED := $(patsubst %.c,$(O)/lint/%.ok,$(filter %.c,$(KSRCS)))
HEADERS := $(wildcard arch/x86_64/include/arch/*.h kernel/*.h kernel/*/*.h mm/*.h)

lint: $(LINTED) ## clang-tidy, lock contracts and sparse over the kernel
	@echo "lint: $(words $(LINTED)) files are clean"

$(O)/lint/%.ok: %.c $(HEADERS) $(CONFIG_H) .clang-tidy
	@mkdir -p $(@D)
	@echo "  LINT  $<"
	@clang-tidy --quiet --warnings-as-errors='*' $< -- $(LINT_CPPFLAGS) -isystem $(LINT_INCLUDE) $(LINT_CFLAGS) \
		-Wthread-safety 2>$@.log || { cat $@.log; exit 1; }
	@sparse -Wsparse-error -Wno-decl -D__VERSION__='"sparse"' $(LINT_CPPFLAGS) -isystem $(CC_INCLUDE) $(LINT_CFLAGS) $<
	@touch $@
