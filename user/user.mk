# Programs on newlib. user/bin/NAME.c is a program of one file; user/demo/*.c together are `demo`; user/libc/test/NAME.c
# is a test of the library, which the guest's tests run as /test/libc-NAME.

BIN_SRCS := $(sort $(wildcard user/bin/*.c))
BIN_LIB_SRCS := $(sort $(wildcard user/bin/lib/*.c))
DEMO_SRCS := $(sort $(wildcard user/demo/*.c))
LIBCTEST_SRCS := $(sort $(wildcard user/libc/test/*.c))

BIN_PROGRAMS := $(BIN_SRCS:%.c=$(O)/%)
BIN_LIB_OBJS := $(BIN_LIB_SRCS:%=$(O)/%.o)
DEMO_OBJS := $(DEMO_SRCS:%=$(O)/%.o)
LIBCTEST_PROGRAMS := $(LIBCTEST_SRCS:%.c=$(O)/%)
NEWLIB_PROGRAM_OBJS := $(BIN_SRCS:%=$(O)/%.o) $(BIN_LIB_OBJS) $(DEMO_OBJS) $(LIBCTEST_SRCS:%=$(O)/%.o)

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

$(LIBCTEST_PROGRAMS): $(O)/%: $(O)/%.c.o $(NEWLIB_DEPS)
	@echo "  ULINK $@"
	@$(call newlib_link,$@,$<)

INITRD_FILES += $(foreach p,$(BIN_PROGRAMS),$(p):/bin/$(notdir $(p)):755)
INITRD_FILES += $(if $(DEMO_SRCS),$(O)/user/demo/demo:/bin/demo:755)
TEST_FILES += $(foreach p,$(LIBCTEST_PROGRAMS),$(p):/test/libc-$(notdir $(p)):755)

-include $(NEWLIB_PROGRAM_OBJS:.o=.d)
