"""Archives in cpio's "newc" format, the form of an initrd: made without root, equal bytes from equal input.

Owners are root, times are 0 and inode numbers count up, whatever the files were on this machine.
"""
import os
import stat


class Archive:
    def __init__(self):
        self.entries = {}  # guest path -> (mode, data, device); insertion order is archive order

    def add(self, path, mode, data=b"", device=(0, 0)):
        """Add one entry; the folders above it come first. A later entry of the same path wins."""
        path = path.strip("/")
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self.directory(parent)
        self.entries[path] = (mode, data, device)

    def directory(self, path, mode=0o755):
        self.add(path, stat.S_IFDIR | mode)

    def link(self, path, target):
        self.add(path, stat.S_IFLNK | 0o777, target.encode())

    def node(self, path, mode, major, minor):
        self.add(path, stat.S_IFCHR | mode, device=(major, minor))

    def data(self, path, data, mode=0o644):
        self.add(path, stat.S_IFREG | mode, data)

    def file(self, path, source, mode=None):
        """A file of this machine, or a folder with all that is in it."""
        if os.path.isdir(source):
            self.directory(path)
            for name in sorted(os.listdir(source)):
                self.file(f"{path}/{name}", os.path.join(source, name))
            return
        with open(source, "rb") as handle:
            bits = os.fstat(handle.fileno()).st_mode & 0o777 if mode is None else mode
            self.data(path, handle.read(), bits)

    def pack(self):
        out = []
        for inode, (path, entry) in enumerate(self.entries.items(), 1):
            out += self._record(inode, path, *entry)
        out += self._record(0, "TRAILER!!!", 0, b"", (0, 0))
        size = sum(map(len, out))
        out.append(bytes(-size % 512))
        return b"".join(out)

    @staticmethod
    def _record(inode, path, mode, data, device):
        name = path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(name), 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
        # Header with name, and data, are each padded to four bytes.
        return [head, bytes(-len(head) % 4), data, bytes(-len(data) % 4)]
