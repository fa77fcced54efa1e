/* newlib's setjmp.h, and the two functions that take the signal mask along. */
#ifndef _QUIRE_SETJMP_H
#define _QUIRE_SETJMP_H

#include_next <setjmp.h>
#include <signal.h>

typedef struct {
	jmp_buf __registers;
	sigset_t __mask;
	int __has_mask;
} sigjmp_buf[1];

/* The mask is saved first: setjmp() must be called in the frame that is to be returned to. */
#define sigsetjmp(env, save)                                                                       \
	((env)->__has_mask = (save),                                                               \
	 (void)((env)->__has_mask && sigprocmask(SIG_BLOCK, 0, &(env)->__mask)),                   \
	 setjmp((env)->__registers))

static inline void __attribute__((__noreturn__)) siglongjmp(sigjmp_buf env, int value)
{
	if (env->__has_mask)
		sigprocmask(SIG_SETMASK, &env->__mask, 0);
	longjmp(env->__registers, value);
}

#endif
