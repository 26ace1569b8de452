package web

import (
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/posse-dev/posse"
)

// contentPolicy allows what this binary serves and nothing else: no inline
// style or script, no other host, no frame around it.
const contentPolicy = "default-src 'self'; style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// minToken is the shortest token accepted, in bytes: 16 characters of base 32
// hold 80 bits.
const minToken = 16

// Config says where the facts come from and who may see them.
type Config struct {
	// Source returns the facts to show. It is called once for each page, from
	// many goroutines, and should answer from memory. Required.
	Source func() View
	// Token opens a session once, as in /?t=TOKEN; 16 characters or more, from a
	// cryptographic source. Required.
	Token string
}

// Handler serves the dashboard. Use [New].
type Handler struct {
	source func() View
	pages  *template.Template
	mux    *http.ServeMux
	cookie string

	mu      sync.Mutex
	token   string // empty once used
	session string // empty until the token was used
}

// New returns the dashboard's handler. It refuses a configuration without a
// source and one whose token is too short to keep strangers out.
func New(config Config) (*Handler, error) {
	if config.Source == nil {
		return nil, &posse.Error{Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "source", Message: "a dashboard needs a source of facts"}
	}
	if len(config.Token) < minToken {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Field: "token", Value: "a shorter one",
			Allowed: "16 characters or more", Message: "the dashboard's token is too short",
		}
	}
	h := &Handler{
		source: config.Source, token: config.Token, mux: http.NewServeMux(),
		cookie: sessionCookie + digest(config.Token),
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	h.pages = pages
	h.mux.HandleFunc("/{$}", h.page(overviewPage))
	h.mux.HandleFunc("/experiments", h.page(experimentsPage))
	h.mux.HandleFunc("/experiments/{name}", h.page(experimentPage))
	h.mux.HandleFunc("/nodes", h.page(nodesPage))
	h.mux.HandleFunc("/privacy", h.page(privacyPage))
	h.mux.HandleFunc("/books", h.page(booksPage))
	h.mux.HandleFunc("/rounds", h.page(roundsPage))
	h.mux.HandleFunc("/log", h.page(logPage))
	h.mux.HandleFunc("/assets/{name}", serveAsset)
	h.mux.HandleFunc("/", h.page(missingPage))
	return h, nil
}

// ServeHTTP serves one request: only reads, only from hosts and origins that
// are ours, only with a session.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	if refusal := admit(r); refusal != nil {
		h.refuse(w, refusal)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/assets/") {
		h.mux.ServeHTTP(w, r) // the same for everyone and nobody's secret
		return
	}
	if token := r.URL.Query().Get("t"); token != "" && h.open(w, r, token) {
		http.Redirect(w, r, "/", http.StatusSeeOther) // takes the token out of the address bar
		return
	}
	if !h.known(r) {
		h.refuse(w, errNoSession)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// page serves one page: a pure function from the facts and the request's path
// and query to what the templates need.
func (h *Handler) page(build func(View, query) page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		view := h.source()
		p := build(view, query{name: r.PathValue("name"), values: r.URL.Query()})
		if p.redirect != "" {
			http.Redirect(w, r, p.redirect, http.StatusSeeOther)
			return
		}
		p.frame(view)
		h.write(w, r, p)
	}
}

// write renders a page, or says that it is unchanged to a reader who has it.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, p page) {
	var b strings.Builder
	if err := h.pages.ExecuteTemplate(&b, "page", p); err != nil {
		// Not shown: a template's error quotes the data that it met.
		http.Error(w, "this page could not be made", http.StatusInternalServerError)
		return
	}
	body := b.String()
	sum := sha256.Sum256([]byte(body))
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	w.Header().Set("Etag", tag)
	if r != nil && r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.status != 0 {
		w.WriteHeader(p.status)
	}
	_, _ = w.Write([]byte(body)) // a reader who left needs no answer
}

// query is what a page's address says: a name in its path and the parameters.
type query struct {
	name   string
	values url.Values
}
