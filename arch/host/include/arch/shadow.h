/* Free frames and objects are poisoned for the address sanitizer, where the build has one. */
#ifndef ARCH_SHADOW_H
#define ARCH_SHADOW_H

#include "kernel/types.h"

void shadow_hide(const void *p, size_t n);
void shadow_show(const void *p, size_t n);

#endif
