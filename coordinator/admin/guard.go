package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"connectrpc.com/connect"

	"github.com/posse-dev/posse"
)

// tokenFile holds the token of a replica's admin API, in its own directory.
const tokenFile = "admin.token"

// Token reads the token in dir, or makes one: 160 random bits in a file of mode
// 0600, which is refused when others may read it. A client on the same machine reads
// the file; nobody else needs it.
func Token(dir string) (string, error) {
	path := filepath.Join(dir, tokenFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		var raw [20]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return "", err
		}
		token := strings.ToLower(base32.StdEncoding.EncodeToString(raw[:]))
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			return "", fmt.Errorf("write the admin token: %w", err)
		}
		return token, nil
	}
	if err != nil {
		return "", fmt.Errorf("read the admin token: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", &posse.Error{
			Code: posse.FailedPrecondition, Reason: "KEY_FILE_UNSAFE", Field: path, Value: fmt.Sprintf("mode %04o", mode), Allowed: "0600",
			Message: "others can read the admin token", Hint: "chmod 600 " + path,
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the admin token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < 16 {
		return "", &posse.Error{
			Code: posse.FailedPrecondition, Reason: "KEY_FILE_INVALID", Field: path, Value: "too short",
			Message: "the admin token is not one of this program's", Hint: "delete the file: a new one is made at the next start",
		}
	}
	return token, nil
}

// Guard serves next to requests that carry the token as "Authorization: Bearer …",
// name a loopback host, and were not sent by another site's page: a name that an
// attacker points at 127.0.0.1, and a form on another page, come to nothing. A refusal
// is an error of Connect's, in the form that the client speaks.
func Guard(token string, next http.Handler) http.Handler {
	want, answer := sha256.Sum256([]byte(token)), connect.NewErrorWriter()
	refuse := func(w http.ResponseWriter, r *http.Request, code connect.Code, why string) {
		_ = answer.Write(w, r, connect.NewError(code, errors.New(why))) // a client who left needs no answer
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(shown))
		switch {
		case !loopback(r.Host) || !loopback(r.RemoteAddr):
			refuse(w, r, connect.CodePermissionDenied, "the admin API is served to this machine only")
		case foreign(r):
			refuse(w, r, connect.CodePermissionDenied, "another site sent this request")
		case !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1:
			refuse(w, r, connect.CodeUnauthenticated, "the admin API needs the token in admin.token")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// loopback reports whether host, with or without a port, is this machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// foreign reports whether a browser sent the request for another site's page.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}
