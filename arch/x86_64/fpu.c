/*
 * FPU and vector registers, as images in memory.
 *
 * The format is XSAVE's standard one (SDM vol. 1, 13.4): 512 bytes as FXSAVE writes them, a header of 64, then AVX and
 * AVX-512 state at the places that CPUID tells. Signal frames carry the same image. As on Linux, otherwise unused words
 * at 464 say how long it is, and a magic word follows it; a frame without them is taken for FXSAVE's 512 bytes.
 *
 * A CPU without XSAVE has the 512 bytes only.
 *
 * While a task runs its registers are the CPU's and arch.fpu is a place to save them to; so an image on its way from a
 * user, which may sleep, is gathered elsewhere.
 */
#include "arch/x86_64/x86.h"
#include "kernel/lib/string.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/ucontext.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define XCR0_WANTED 0xe7UL /* x87 SSE AVX, AVX-512's three */
#define XCR0_LEGACY 3UL
#define XCR0_AVX 4UL
#define XCR0_AVX512 0xe0UL
#define FX_SIZE 512
#define FX_SW_OFFSET 464
#define FX_MXCSR_OFFSET 24
#define FX_MXCSR_MASK_OFFSET 28
#define XSAVE_HEADER_SIZE 64
#define FCW_DEFAULT 0x37f
#define MXCSR_DEFAULT 0x1f80
#define MXCSR_MASK_DEFAULT 0xffbf /* where FXSAVE leaves the mask 0 */
#define FPU_ALIGN 64

struct xsave_header {
	u64 xstate_bv, xcomp_bv, reserved[6];
};

static u64 xcr0;	/* 0: no XSAVE */
static size_t fpu_size; /* of an image */
static u32 mxcsr_mask;
static struct kmem_cache *fpu_cache;

void fpu_init(void)
{
	static u8 probe[FX_SIZE] __aligned(16);

	if (cpu_has(CPU_XSAVE)) {
		struct cpuid c = cpuid(0xd, 0);

		xcr0 = c.eax & XCR0_WANTED;
		if ((xcr0 & XCR0_AVX512) != XCR0_AVX512 || !(xcr0 & XCR0_AVX))
			xcr0 &= ~XCR0_AVX512;
	}
	fpu_setup();
	fpu_size = cpu_has(CPU_XSAVE) ? cpuid(0xd, 0).ebx : FX_SIZE; /* for what XCR0 enables */
	fxsave(probe);
	mxcsr_mask = *(u32 *)(probe + FX_MXCSR_MASK_OFFSET);
	if (!mxcsr_mask)
		mxcsr_mask = MXCSR_MASK_DEFAULT;
}

void fpu_setup(void)
{
	if (cpu_has(CPU_XSAVE))
		xsetbv(0, xcr0);
}

void fpu_save(void *area)
{
	if (xcr0)
		xsave(area);
	else
		fxsave(area);
}

void fpu_load(const void *area)
{
	if (xcr0)
		xrstor(area);
	else
		fxrstor(area);
}

static struct xsave_header *header_of(void *image)
{
	return (struct xsave_header *)((u8 *)image + FX_SIZE);
}

/* The state of a new program. With XSAVE a header of zeroes means all that is not MXCSR. => image is cleared */
static void set_default(void *image)
{
	*(u16 *)image = FCW_DEFAULT;
	*(u32 *)((u8 *)image + FX_MXCSR_OFFSET) = MXCSR_DEFAULT;
}

int arch_task_alloc(struct task *t)
{
	if (!fpu_cache)
		fpu_cache = kmem_cache_create("fpu_state", fpu_size, FPU_ALIGN);
	t->arch.fpu = kmem_cache_zalloc(fpu_cache);
	if (!t->arch.fpu)
		return -ENOMEM;
	set_default(t->arch.fpu);
	return 0;
}

void arch_task_free(struct task *t)
{
	if (t->arch.fpu)
		kmem_cache_free(fpu_cache, t->arch.fpu);
	t->arch.fpu = NULL;
}

void arch_fpu_reset(struct task *t)
{
	memset(t->arch.fpu, 0, fpu_size);
	set_default(t->arch.fpu);
	if (t == current)
		fpu_load(t->arch.fpu);
}

/* ---- Signal frames ---- */

size_t arch_fpu_size(void)
{
	return xcr0 ? fpu_size + FP_XSTATE_MAGIC2_SIZE : FX_SIZE;
}

int arch_fpu_to_user(void __user *dst)
{
	u8 *image = current->arch.fpu;
	const u32 magic2 = FP_XSTATE_MAGIC2;
	struct fpx_sw_bytes sw = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = arch_fpu_size(),
		.xfeatures = xcr0,
		.xstate_size = fpu_size,
	};

	fpu_save(image);
	if (xcr0)
		memcpy(image + FX_SW_OFFSET, &sw, sizeof(sw));
	if (copy_to_user(dst, image, fpu_size))
		return -EFAULT;
	if (xcr0 && copy_to_user((u8 __user *)dst + fpu_size, &magic2, sizeof(magic2)))
		return -EFAULT;
	return 0;
}

/* Does the frame carry a whole image, as its words at 464 and behind it say? */
static bool frame_is_extended(const u8 *image, const u8 __user *src)
{
	struct fpx_sw_bytes sw;
	u32 magic2;

	memcpy(&sw, image + FX_SW_OFFSET, sizeof(sw));
	if (!xcr0 || sw.magic1 != FP_XSTATE_MAGIC1 || sw.xstate_size != fpu_size)
		return false;
	return !copy_from_user(&magic2, src + fpu_size, sizeof(magic2)) && magic2 == FP_XSTATE_MAGIC2;
}

/* Gather the image and make it one that the CPU accepts: reserved parts zero, no feature that is not there. */
static int image_from_user(u8 *image, const u8 __user *src)
{
	struct xsave_header *h = header_of(image);

	if (copy_from_user(image, src, FX_SIZE))
		return -EFAULT;
	if (frame_is_extended(image, src)) {
		if (copy_from_user(image + FX_SIZE, src + FX_SIZE, fpu_size - FX_SIZE))
			return -EFAULT;
		*h = (struct xsave_header){ .xstate_bv = h->xstate_bv & xcr0 };
	} else if (xcr0) {
		memset(image + FX_SIZE, 0, fpu_size - FX_SIZE);
		h->xstate_bv = XCR0_LEGACY;
	}
	*(u32 *)(image + FX_MXCSR_OFFSET) &= mxcsr_mask;
	return 0;
}

int arch_fpu_from_user(const void __user *src)
{
	u8 *image;
	int err;

	if (!src) {
		arch_fpu_reset(current);
		return 0;
	}
	image = kmem_cache_alloc(fpu_cache);
	if (!image)
		return -EFAULT; /* as Linux: the frame cannot be restored */
	err = image_from_user(image, src);
	if (!err)
		err = xcr0 ? xrstor_checked(image) : fxrstor_checked(image);
	kmem_cache_free(fpu_cache, image);
	return err;
}
