package store

import (
	"os"
	"syscall"
)

// syncData waits until the content of a file is on the disk. The times of the file
// are not awaited.
func syncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
