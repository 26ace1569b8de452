package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

//go:embed templates/*.html
var templates embed.FS

// page is what the frame's template shows around one page's own content.
type page struct {
	Title    string // of the browser's tab
	Current  string // path of the navigation's link to mark
	Template string // that shows Content
	Content  any
	Bare     bool // no navigation: the reader is not let in
	status   int
	redirect string

	Where    string // name of the cluster
	Nav      []link
	Conn     conn
	Banner   *banner
	Foot     []string
	AsOf     string
	Announce string
}

// link is a name and an address within the dashboard.
type link struct {
	Text, Path string
	Current    bool
}

// conn is the state of the replicas at the top right of each page.
type conn struct{ Dot, Text, Long string }

// banner says on every page what a reader must not miss.
type banner struct{ Kind, Strong, Text, Then string }

// parsePages reads the templates. Their functions write numbers as numbers.go
// does, and frag wraps a part of a page that is refreshed on its own.
func parsePages() (*template.Template, error) {
	set := template.New("pages")
	paths := map[string]string{}
	for _, name := range []string{"posse.css", "posse.js", "icon.svg"} {
		path, err := assetPath(name)
		if err != nil {
			return nil, fmt.Errorf("read asset %s: %w", name, err)
		}
		paths[name] = path
	}
	set.Funcs(template.FuncMap{
		"asset": func(name string) string { return paths[name] },
		"frag":  func(name string, data any) (template.HTML, error) { return fragment(set, name, data) },
		"part":  func(name string, data any) (template.HTML, error) { return part(set, name, data) },
		"cut":   cut,
		"plain": plain,
		"long":  func(name string) bool { return cut(name) != name },
		"hash":  grouped,
		"odd":   func(i int) bool { return i%2 == 1 },
	})
	if _, err := set.ParseFS(templates, "templates/*.html"); err != nil {
		return nil, fmt.Errorf("parse pages: %w", err)
	}
	return set, nil
}

// part renders the template of that name.
func part(set *template.Template, name string, data any) (template.HTML, error) {
	var b strings.Builder
	if err := set.ExecuteTemplate(&b, name, data); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil //nolint:gosec // escaped by the template that made it
}

// fragment renders a template and marks it with an id and a hash of what it
// shows, so that the script replaces it when that changed and leaves it alone
// when not.
func fragment(set *template.Template, name string, data any) (template.HTML, error) {
	inner, err := part(set, name, data)
	if err != nil {
		return "", err
	}
	return template.HTML(`<div id="live-` + name + `" data-live="` + digest(string(inner)) + `">` + string(inner) + `</div>`), nil //nolint:gosec // as above; name is a template's
}

// digest is a short hash of s, to notice that something changed.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

// grouped cuts a hash into groups of eight, every other one to be muted.
func grouped(s string) []string {
	s = plain(s)
	var groups []string
	for len(s) > 8 {
		groups = append(groups, s[:8])
		s = s[8:]
	}
	return append(groups, s)
}

// frame fills in what surrounds every page.
func (p *page) frame(v View) {
	p.Where = cutTo(v.Cluster.Name, 16)
	p.AsOf = clock(v.Now, v.Now)
	for _, l := range navigation(v) {
		l.Current = l.Path == p.Current
		p.Nav = append(p.Nav, l)
	}
	p.Conn = connection(v.Cluster)
	p.Banner = warning(v)
	p.Announce = announcement(v)
	if v.Simulated {
		p.Foot = append(p.Foot, "Posse demo, users are simulated, noise is real")
	}
	if v.Version != "" {
		p.Foot = append(p.Foot, "posse "+v.Version)
	}
	p.Foot = append(p.Foot, "Times in UTC")
}

// navigation lists the pages that exist.
func navigation(v View) []link {
	nav := []link{
		{Text: "Overview", Path: "/"},
		{Text: "Experiments", Path: "/experiments"},
		{Text: "Nodes", Path: "/nodes"},
		{Text: "Privacy", Path: "/privacy"},
		{Text: "Books", Path: "/books"},
		{Text: "Rounds", Path: "/rounds"},
	}
	if v.Log != nil {
		nav = append(nav, link{Text: "Log", Path: "/log"})
	}
	return nav
}

// connection says how many replicas are up and who leads.
func connection(c Cluster) conn {
	text := fmt.Sprintf("%s of %s replicas", count(c.Up), count(c.Replicas))
	if c.Replicas == 1 {
		text = fmt.Sprintf("%s of 1 replica", count(c.Up))
	}
	switch {
	case c.Leader == "":
		return conn{Dot: "bad", Text: text, Long: ", no leader"}
	case c.Up < c.Replicas:
		return conn{Dot: "warn", Text: text, Long: ", leader " + cutTo(c.Leader, 16)}
	}
	return conn{Text: text, Long: ", leader " + cutTo(c.Leader, 16)}
}

// warning is the banner for what stops the cluster's work.
func warning(v View) *banner {
	switch {
	case v.Books != nil && !v.Books.Balanced:
		return &banner{Kind: "bad", Strong: booksOff(v.Books), Then: "Compare with posse books show on another replica."}
	case v.Cluster.Leader == "":
		b := &banner{
			Kind: "bad", Strong: "No leader.", Text: "Nodes go on deciding with the versions they hold.",
			Then: "No round opens and nothing is paid until most replicas answer each other. Look at posse coordinator status.",
		}
		if since := clock(v.Cluster.Since, v.Now); since != "" {
			b.Strong = "No leader since " + since + "."
		}
		if len(v.Cluster.Down) > 0 {
			b.Then = "Not answering: " + list(v.Cluster.Down) + ". " + b.Then
		}
		return b
	}
	return nil
}

// announcement is what a screen reader is told when it changes: the newest
// event, or that something needs attention.
func announcement(v View) string {
	if b := warning(v); b != nil {
		return b.Strong
	}
	if events := newest(v.Events, 1); len(events) > 0 {
		return strings.TrimSpace(plain(events[0].Subject) + " " + plain(events[0].Text))
	}
	return ""
}

// list writes names as "a, b and c".
func list(names []string) string {
	short := make([]string, len(names))
	for i, name := range names {
		short[i] = cut(name)
	}
	if n := len(short); n > 1 {
		return strings.Join(short[:n-1], ", ") + " and " + short[n-1]
	}
	return strings.Join(short, "")
}

// experimentPath is the address of an experiment's page.
func experimentPath(name string) string { return "/experiments/" + url.PathEscape(name) }

// pick returns the experiment that the address asks for, or the first one; nil
// when there are none. The links lead to the same page for each of them.
func pick(v View, q query, path string) (*Experiment, []link) {
	if len(v.Experiments) == 0 {
		return nil, nil
	}
	chosen := &v.Experiments[0]
	asked := q.values.Get("experiment")
	for i := range v.Experiments {
		if v.Experiments[i].Name == asked {
			chosen = &v.Experiments[i]
		}
	}
	if len(v.Experiments) == 1 {
		return chosen, nil
	}
	links := make([]link, len(v.Experiments))
	for i, e := range v.Experiments {
		links[i] = link{Text: e.Name, Path: path + "?experiment=" + url.QueryEscape(e.Name), Current: e.Name == chosen.Name}
	}
	return chosen, links
}

// missingPage is shown for an address that is none of ours.
func missingPage(View, query) page {
	return page{
		Title: "Not found", status: http.StatusNotFound, Template: "refused",
		Content: "There is no such page. The pages that exist are at the top.",
	}
}
