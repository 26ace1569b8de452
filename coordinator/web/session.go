package web

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// sessionCookie begins the name of the cookie with the session's secret, which
// browsers send to this host only, never with a request that another site
// started, and show to no script. Cookies don't tell ports apart, so each
// handler adds a part of its own and two dashboards on one machine don't meet.
const sessionCookie = "posse_session_"

// refusal is why a request is not served.
type refusal struct {
	status int
	title  string
	text   string
}

var (
	errNoSession = &refusal{
		http.StatusUnauthorized, "This page needs the link that was printed",
		"The link with ?t=… opens the dashboard once, in one browser. It was not used here, or was used already; start again to get a new one.",
	}
	errMethod = &refusal{
		http.StatusMethodNotAllowed, "This page only reads",
		"Changes are made on the command line.",
	}
	errHost = &refusal{
		http.StatusMisdirectedRequest, "This page is not served under that name",
		"Use the address that was printed, such as http://127.0.0.1:8080.",
	}
	errOrigin = &refusal{
		http.StatusForbidden, "Another site asked for this page",
		"Open it yourself, at the address that was printed.",
	}
	errPlain = &refusal{
		http.StatusForbidden, "This page is served to this machine only",
		"From elsewhere it needs TLS.",
	}
)

// admit checks everything about a request but its session. It returns nil for
// one that may go on.
func admit(r *http.Request) *refusal {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return errMethod
	}
	// A name that an attacker points at 127.0.0.1 arrives as that name in Host
	// (DNS rebinding): only names of loopback are answered.
	if !isLoopback(hostOnly(r.Host)) {
		return errHost
	}
	if r.TLS == nil && !isLoopback(hostOnly(r.RemoteAddr)) {
		return errPlain
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return errOrigin
		}
	}
	return nil
}

// open exchanges the token for a session, once. It also reports true for a
// browser that has the session already and follows the link again.
func (h *Handler) open(w http.ResponseWriter, r *http.Request, token string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(h.token)) != 1 {
		return h.holds(r)
	}
	if r.Method == http.MethodHead {
		return false // a look at the link is not its use
	}
	h.token, h.session = "", rand.Text()
	http.SetCookie(w, &http.Cookie{
		Name: h.cookie, Value: h.session, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	return true
}

// known reports whether the request carries the session.
func (h *Handler) known(r *http.Request) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.holds(r)
}

// holds is known with the lock held.
func (h *Handler) holds(r *http.Request) bool {
	if h.session == "" {
		return false
	}
	for _, cookie := range r.CookiesNamed(h.cookie) {
		if subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(h.session)) == 1 {
			return true
		}
	}
	return false
}

// refuse answers with the reason and nothing about the cluster.
func (h *Handler) refuse(w http.ResponseWriter, why *refusal) {
	if why == errMethod {
		w.Header().Set("Allow", "GET, HEAD")
	}
	h.write(w, nil, page{Title: why.title, status: why.status, Template: "refused", Content: why.text, Bare: true})
}

// hostOnly is the host of an address, without port and brackets, in lower case.
func hostOnly(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	return strings.ToLower(strings.Trim(address, "[]"))
}

// isLoopback reports whether host means this machine itself.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
