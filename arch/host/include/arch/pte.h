/* Pure format, and the same: x86-64's. */
#include "arch/x86_64/include/arch/pte.h"
