package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/posse-dev/posse"
)

// keyFormat begins the one line of a key file; the base64 of the 32-byte seed
// follows.
const keyFormat = "posse-ed25519-1 "

// LoadOrCreateKey reads the Ed25519 key in dir/name, or makes one from the
// system's random source when there is none. A new directory has mode 0700 and a
// new file 0600; either is refused when group or others may do anything with it.
// The file is durable before the key is returned, and an existing one is never
// written.
func LoadOrCreateKey(dir, name string) (ed25519.PrivateKey, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("key directory: %w", err)
	}
	if err := private(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name)
	key, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	_, key, err = ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	if err := createKey(path, key); err != nil {
		if errors.Is(err, fs.ErrExist) { // another process was faster: its key is the key
			return loadKey(path)
		}
		return nil, err
	}
	return key, nil
}

func loadKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if err := private(path); err != nil {
		return nil, err
	}
	encoded, ok := strings.CutPrefix(strings.TrimSuffix(string(text), "\n"), keyFormat)
	seed, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(seed) != ed25519.SeedSize {
		return nil, &posse.Error{
			Code: posse.FailedPrecondition, Reason: "KEY_FILE_INVALID", Field: path,
			Value:   "not a key of this program",
			Message: "key file cannot be read", Hint: "restore it from a backup, or enrol anew with an empty directory",
		}
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// createKey makes the file whole or not at all: it is written under another name,
// synced, and linked to its own name, which fails when that exists.
func createKey(path string, key ed25519.PrivateKey) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(keyFormat + base64.StdEncoding.EncodeToString(key.Seed()) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// private refuses a path that group or others may use.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	mode, allowed, command := info.Mode().Perm(), "0600", "chmod 600 "
	if info.IsDir() {
		allowed, command = "0700", "chmod 700 "
	}
	if mode&0o077 != 0 {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "KEY_FILE_UNSAFE", Field: path,
			Value: fmt.Sprintf("mode %04o", mode), Allowed: allowed,
			Message: "others can reach the private key", Hint: command + path,
		}
	}
	return nil
}
