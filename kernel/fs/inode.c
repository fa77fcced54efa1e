/*
 * Inodes: what a file is, whoever names it.
 *
 *	dentry --+
 *	dentry --+--> inode --> page cache        (regular files; the size is the mapping's)
 *	file ----+          --> children          (directories of the tree)
 *	                    --> target            (symbolic links)
 *	                    --> rdev              (device nodes)
 *
 * Names and open files hold references; the last one frees the inode and its contents (F5). That last put
 * may come from an unmap, with mmap_lock held: freeing takes no lock that ranks before it.
 *
 * Permissions: the file-system user and groups against nine mode bits, as POSIX has it; who has CAP_DAC_OVERRIDE may
 * everything except execute a file that nobody may execute.
 *
 * Linux differs: inodes are cached without users, and reclaimed.
 */
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "mm/slab.h"

static struct kmem_cache *inode_cache;

void inode_boot(void)
{
	inode_cache = kmem_cache_create("inode_cache", sizeof(struct inode), 8);
}

u32 current_fsuid(void)
{
	return current->process ? current->process->fsuid : 0;
}

u32 current_fsgid(void)
{
	return current->process ? current->process->fsgid : 0;
}

/* Is current a member of group gid, besides its own? */
bool current_in_group(u32 gid)
{
	struct process *p = current->process;
	bool in = false;

	if (!p || gid == p->fsgid)
		return true;
	spin_lock(&p->sig_lock);
	for (unsigned int i = 0; p->groups && i < p->groups->nr; i++)
		in |= p->groups->gid[i] == gid;
	spin_unlock(&p->sig_lock);
	return in;
}

u64 vfs_now(void)
{
	return time_real_ns();
}

/* What the union holds depends on the type, which never changes. */
static void init_contents(struct inode *inode)
{
	if (S_ISREG(inode->mode)) {
		mapping_init(&inode->own_mapping, inode);
		inode->mapping = &inode->own_mapping;
	} else if (S_ISDIR(inode->mode)) {
		inode->children.node = NULL;
		list_init(&inode->order);
		inode->next_cookie = 2; /* 0 and 1 are "." and ".." */
	}
}

struct inode *inode_create(struct super *s, u32 mode, u64 ino)
{
	struct inode *inode = kmem_cache_zalloc(inode_cache);

	if (!inode)
		return NULL;
	atomic_set(&inode->refs, 1);
	inode->super = s;
	inode->mode = mode;
	inode->ino = ino;
	inode->nlink = S_ISDIR(mode) ? 2 : 1;
	inode->uid = current_fsuid();
	inode->gid = current_fsgid();
	inode->atime = inode->mtime = inode->ctime = inode->btime = vfs_now();
	mutex_init(&inode->lock, S_ISDIR(mode) ? RANK_INODE_DIR : RANK_INODE);
	list_init(&inode->locks);
	init_contents(inode);
	return inode;
}

struct inode *inode_get(struct inode *inode)
{
	assert(atomic_read(&inode->refs) > 0);
	atomic_inc(&inode->refs);
	return inode;
}

static void inode_free(struct inode *inode)
{
	assert(list_empty(&inode->locks));
	if (inode->ops && inode->ops->free)
		inode->ops->free(inode);
	if (S_ISREG(inode->mode))
		mapping_destroy(&inode->own_mapping);
	else if (S_ISDIR(inode->mode))
		assert(rb_empty(&inode->children));
	else if (S_ISLNK(inode->mode))
		kfree(inode->target);
	kmem_cache_free(inode_cache, inode);
}

void inode_put(struct inode *inode)
{
	assert(atomic_read(&inode->refs) > 0);
	if (atomic_dec_and_test(&inode->refs))
		inode_free(inode);
}

u64 inode_size(const struct inode *inode)
{
	if (inode->mapping)
		return READ_ONCE(inode->mapping->size);
	return S_ISLNK(inode->mode) && inode->target ? strlen(inode->target) : 0;
}

void inode_touch(struct inode *inode, bool atime, bool mtime, bool ctime)
{
	u64 now = vfs_now();

	if (atime)
		WRITE_ONCE(inode->atime, now);
	if (mtime)
		WRITE_ONCE(inode->mtime, now);
	if (ctime)
		WRITE_ONCE(inode->ctime, now);
}

/* As under Linux's relatime: only the first access after a change is noted. */
void file_accessed(struct file *f)
{
	struct inode *inode = f->inode;

	if (!(f->flags & O_NOATIME) && (inode->atime <= inode->mtime || inode->atime <= inode->ctime))
		inode_touch(inode, true, false, false);
}

bool inode_owner_or_root(const struct inode *inode)
{
	return capable(CAP_FOWNER) || current_fsuid() == inode->uid;
}

/* User 0's rights: everything, except to execute what nobody may execute. */
static int privileged(const struct inode *inode, unsigned int want)
{
	return (want & MAY_EXEC) && !S_ISDIR(inode->mode) && !(inode->mode & 0111) ? -EACCES : 0;
}

int inode_permission_as(struct inode *inode, unsigned int want, u32 uid, bool in_group, bool privilege)
{
	u32 bits = inode->mode;

	if (uid == inode->uid)
		bits >>= 6;
	else if (in_group)
		bits >>= 3;
	if (!(want & ~bits & 7))
		return 0;
	return privilege ? privileged(inode, want) : -EACCES;
}

int inode_permission(struct inode *inode, unsigned int want)
{
	if ((want & MAY_WRITE) && inode->super->readonly &&
	    (S_ISREG(inode->mode) || S_ISDIR(inode->mode) || S_ISLNK(inode->mode)))
		return -EROFS;
	if (inode->ops && inode->ops->permission)
		return inode->ops->permission(inode, want);
	if (likely(capable(CAP_DAC_OVERRIDE)))
		return privileged(inode, want);
	return inode_permission_as(inode, want, current_fsuid(), current_in_group(inode->gid), false);
}

void inode_stat(struct inode *inode, struct stat *st)
{
	if (inode->ops && inode->ops->refresh)
		inode->ops->refresh(inode);
	memset(st, 0, sizeof(*st));
	st->st_dev = inode->super->dev;
	st->st_ino = inode->ino;
	st->st_nlink = inode->nlink;
	st->st_mode = inode->mode;
	st->st_uid = inode->uid;
	st->st_gid = inode->gid;
	st->st_rdev = inode->rdev;
	st->st_size = inode_size(inode);
	st->st_blksize = inode->super->dynamic ? 1024 : PAGE_SIZE;
	if (inode->mapping)
		st->st_blocks = mapping_nr_pages(inode->mapping) * (PAGE_SIZE / 512);
	st->st_atim = (struct timespec){ inode->atime / NSEC_PER_SEC, inode->atime % NSEC_PER_SEC };
	st->st_mtim = (struct timespec){ inode->mtime / NSEC_PER_SEC, inode->mtime % NSEC_PER_SEC };
	st->st_ctim = (struct timespec){ inode->ctime / NSEC_PER_SEC, inode->ctime % NSEC_PER_SEC };
}
