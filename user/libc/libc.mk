# newlib and the port: $(O)/newlib (a link to the cached build) and $(O)/user/libc/libquire.a. Programs on newlib
# compile with NEWLIB_CFLAGS and link with NEWLIB_LINK; see user/user.mk.

NEWLIB := $(O)/newlib
LIBQUIRE := $(O)/user/libc/libquire.a

# The order of the folders is the port's doing: overlay, the compiler's own headers, newlib's.
NEWLIB_CPPFLAGS := -nostdinc -U__linux__ -U__linux -Ulinux -U__gnu_linux__ -Iuser/libc/include -I. \
	-isystem $(CC_INCLUDE) -isystem $(NEWLIB)/include
NEWLIB_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra $(WERROR) -fno-pic -fno-pie -fno-stack-protector \
	-fcf-protection=none -ffunction-sections -fdata-sections
NEWLIB_LDFLAGS := -static -nostdlib -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noexecstack \
	-Wl,-z,max-page-size=4096

LIBQUIRE_SRCS := $(sort $(wildcard user/libc/*.c user/libc/*.S))
LIBQUIRE_OBJS := $(LIBQUIRE_SRCS:%=$(O)/%.o)
NEWLIB_INPUTS := user/libc/newlib.sh $(wildcard user/libc/include/*.h user/libc/include/*/*.h kernel/uapi/*.h)

# The script finds a cached build by a hash of what goes into it, so this costs nothing when nothing changed.
$(O)/newlib.stamp: $(NEWLIB_INPUTS)
	@user/libc/newlib.sh $(O)
	@touch $@

$(NEWLIB)/lib/libc.a: $(O)/newlib.stamp ;

$(O)/user/libc/%.o: user/libc/% $(O)/newlib.stamp
	@mkdir -p $(@D)
	@echo "  UCC   $<"
	@$(CC) $(NEWLIB_CPPFLAGS) $(NEWLIB_CFLAGS) -D_COMPILING_NEWLIB -D_GNU_SOURCE -MMD -MP -c $< -o $@

$(LIBQUIRE): $(LIBQUIRE_OBJS)
	@rm -f $@
	@ar rcs $@ $^

NEWLIB_DEPS := $(LIBQUIRE) $(NEWLIB)/lib/libc.a
NEWLIB_LIBS := -Wl,--start-group $(LIBQUIRE) $(NEWLIB)/lib/libc.a $(NEWLIB)/lib/libm.a \
	$(shell $(CC) -print-libgcc-file-name) -Wl,--end-group

# $(call newlib_link,OUTPUT,OBJECTS)
newlib_link = $(CC) $(NEWLIB_LDFLAGS) -Wl,--entry=_start -Wl,--undefined=_start -o $(1) $(2) $(NEWLIB_LIBS)

-include $(LIBQUIRE_OBJS:.o=.d)
