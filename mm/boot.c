/*
 * Memory management from nothing, in the order in which each part needs the ones before it.
 */
#include "kernel/boot.h"
#include "mm/anon.h"
#include "mm/buddy.h"
#include "mm/filemap.h"
#include "mm/mm_list.h"
#include "mm/slab.h"
#include "mm/vma_ops.h"

void mm_boot_init(const struct boot_info *b)
{
	buddy_boot(b);
	slab_boot();
	page_boot();
	vma_tree_boot();
	filemap_boot();
	anon_boot();
	vma_boot();
	mm_list_boot();
	check_boot();
	fault_boot();
}
