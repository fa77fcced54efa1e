# mm/ on the simulated machine (arch/host), under sanitizers. `make check` builds and runs every mm/test/*_test.c.

HOST_O := $(O)/host
HOST_OPT ?= -O1
HOST_SANITIZE ?= -fsanitize=address,undefined -fno-sanitize-recover=undefined
HOST_CFLAGS := -std=gnu11 $(HOST_OPT) -g -Wall -Wextra $(WERROR) -fno-omit-frame-pointer -fno-strict-aliasing $(HOST_SANITIZE) \
	-I. -Iarch/host/include -I$(O)/include -include $(CONFIG_H)
ifeq ($(findstring clang,$(CC)),)
HOST_CFLAGS += -fno-toplevel-reorder # cases run in the order in which they stand
endif
# The kernel's own sources see no header of the C library; linux.c sees nothing else.
HOST_KFLAGS := -ffreestanding -nostdinc -isystem $(CC_INCLUDE)

HOST_KSRCS := $(wildcard kernel/lock.c kernel/trace.c kernel/seq.c kernel/sysctl.c kernel/lib/*.c)
HOST_SRCS := $(sort $(wildcard mm/*.c arch/host/*.c) $(HOST_KSRCS) mm/test/harness.c mm/test/scenario.c)
HOST_OBJS := $(HOST_SRCS:%.c=$(HOST_O)/obj/%.o)
HOST_TESTS := $(patsubst mm/test/%.c,$(HOST_O)/%,$(sort $(wildcard mm/test/*_test.c)))

$(HOST_O)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(HOST_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(HOST_CFLAGS)' >$@

$(HOST_O)/obj/arch/host/linux.o: arch/host/linux.c $(CONFIG_H) $(HOST_O)/flags
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	@$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(HOST_O)/obj/%.o: %.c $(CONFIG_H) $(HOST_O)/flags
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	@$(CC) $(HOST_KFLAGS) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(HOST_O)/%_test: $(HOST_O)/obj/mm/test/%_test.o $(HOST_OBJS)
	@echo "  HOST  $@"
	@$(CC) $(HOST_SANITIZE) -o $@ $^

-include $(HOST_OBJS:.o=.d) $(HOST_TESTS:$(HOST_O)/%=$(HOST_O)/obj/mm/test/%.d)

.PHONY: check host
DOCUMENTED += check
host: $(HOST_TESTS)

check: $(HOST_TESTS) ## mm/ on a simulated machine under sanitizers: unit tests and scenarios
	@failed=0; for t in $(HOST_TESTS); do $$t || failed=1; done; exit $$failed
