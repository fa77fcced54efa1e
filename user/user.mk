# Programs on newlib. user/bin/NAME.c is a program of one file; user/demo/*.c together are `demo`; user/libc/test is
# the library's own test, which the guest's tests run as /test/libctest.

BIN_SRCS := $(sort $(wildcard user/bin/*.c))
BIN_LIB_SRCS := $(sort $(wildcard user/bin/lib/*.c))
DEMO_SRCS := $(sort $(wildcard user/demo/*.c))
LIBCTEST_SRCS := $(sort $(wildcard user/libc/test/*.c))

BIN_PROGRAMS := $(BIN_SRCS:%.c=$(O)/%)
BIN_LIB_OBJS := $(BIN_LIB_SRCS:%=$(O)/%.o)
DEMO_OBJS := $(DEMO_SRCS:%=$(O)/%.o)
LIBCTEST_OBJS := $(LIBCTEST_SRCS:%=$(O)/%.o)
NEWLIB_PROGRAM_OBJS := $(BIN_SRCS:%=$(O)/%.o) $(BIN_LIB_OBJS) $(DEMO_OBJS) $(LIBCTEST_OBJS)

$(NEWLIB_PROGRAM_OBJS): $(O)/%.c.o: %.c $(O)/newlib.stamp
	@mkdir -p $(@D)
	@echo "  UCC   $<"
	@$(CC) $(NEWLIB_CPPFLAGS) $(NEWLIB_CFLAGS) -D_GNU_SOURCE -Iuser/bin/lib -MMD -MP -c $< -o $@

$(BIN_PROGRAMS): $(O)/%: $(O)/%.c.o $(BIN_LIB_OBJS) $(NEWLIB_DEPS)
	@echo "  ULINK $@"
	@$(call newlib_link,$@,$< $(BIN_LIB_OBJS))

$(O)/user/demo/demo: $(DEMO_OBJS) $(BIN_LIB_OBJS) $(NEWLIB_DEPS)
	@echo "  ULINK $@"
	@$(call newlib_link,$@,$(DEMO_OBJS) $(BIN_LIB_OBJS))

$(O)/user/libc/test/libctest: $(LIBCTEST_OBJS) $(NEWLIB_DEPS)
	@echo "  ULINK $@"
	@$(call newlib_link,$@,$(LIBCTEST_OBJS))

INITRD_FILES += $(foreach p,$(BIN_PROGRAMS),$(p):/bin/$(notdir $(p)):755)
INITRD_FILES += $(if $(DEMO_SRCS),$(O)/user/demo/demo:/bin/demo:755)
TEST_FILES += $(if $(LIBCTEST_SRCS),$(O)/user/libc/test/libctest:/test/libctest:755)

-include $(NEWLIB_PROGRAM_OBJS:.o=.d)
