#ifndef KERNEL_UAPI_FS_H
#define KERNEL_UAPI_FS_H

/* ioctls of /proc/<pid>/maps and /proc/<pid>/pagemap: Linux. */

#define PROCMAP_QUERY		0xc0686611U	/* _IOWR('f', 17, struct procmap_query) */
#define PAGEMAP_SCAN		0xc0606610U	/* _IOWR('f', 16, struct pm_scan_arg) */

#define PROCMAP_QUERY_VMA_READABLE		0x01
#define PROCMAP_QUERY_VMA_WRITABLE		0x02
#define PROCMAP_QUERY_VMA_EXECUTABLE		0x04
#define PROCMAP_QUERY_VMA_SHARED		0x08
#define PROCMAP_QUERY_COVERING_OR_NEXT_VMA	0x10
#define PROCMAP_QUERY_FILE_BACKED_VMA		0x20

struct procmap_query {
	unsigned long size;		/* of this structure: the user's version of it */
	unsigned long query_flags;
	unsigned long query_addr;
	unsigned long vma_start;	/* results from here on */
	unsigned long vma_end;
	unsigned long vma_flags;
	unsigned long vma_page_size;
	unsigned long vma_offset;
	unsigned long inode;
	unsigned int dev_major;
	unsigned int dev_minor;
	unsigned int vma_name_size;	/* in: room; out: bytes with NUL, 0 no name */
	unsigned int build_id_size;
	unsigned long vma_name_addr;
	unsigned long build_id_addr;
};

#define PAGE_IS_WPALLOWED	(1 << 0)
#define PAGE_IS_WRITTEN		(1 << 1)
#define PAGE_IS_FILE		(1 << 2)
#define PAGE_IS_PRESENT		(1 << 3)
#define PAGE_IS_SWAPPED		(1 << 4)
#define PAGE_IS_PFNZERO		(1 << 5)
#define PAGE_IS_HUGE		(1 << 6)
#define PAGE_IS_SOFT_DIRTY	(1 << 7)
#define PAGE_IS_GUARD		(1 << 8)

#define PM_SCAN_WP_MATCHING	(1 << 0)
#define PM_SCAN_CHECK_WPASYNC	(1 << 1)

struct page_region {
	unsigned long start;
	unsigned long end;
	unsigned long categories;
};

struct pm_scan_arg {
	unsigned long size;
	unsigned long flags;
	unsigned long start;
	unsigned long end;
	unsigned long walk_end;		/* result: where the walk stopped */
	unsigned long vec;
	unsigned long vec_len;
	unsigned long max_pages;
	unsigned long category_inverted;
	unsigned long category_mask;
	unsigned long category_anyof_mask;
	unsigned long return_mask;
};

#endif
