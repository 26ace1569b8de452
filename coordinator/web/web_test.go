package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
)

const testToken = "a-token-of-enough-length"

// browser is a reader with a session.
type browser struct {
	handler *Handler
	cookie  *http.Cookie
}

// request is a read from this machine.
func request(method, path string) *http.Request {
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, nil)
	r.RemoteAddr = "127.0.0.1:50000"
	return r
}

func answer(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func open(t *testing.T, v View) *browser {
	t.Helper()
	h, err := New(Config{Source: func() View { return v }, Token: testToken})
	require.NoError(t, err)
	w := answer(h, request("GET", "/?t="+testToken))
	require.Equal(t, http.StatusSeeOther, w.Code)
	cookies := w.Result().Cookies()
	require.Len(t, cookies, 1)
	return &browser{h, cookies[0]}
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	r := request("GET", path)
	r.AddCookie(b.cookie)
	return answer(b.handler, r)
}

// page reads a page that must be there.
func (b *browser) page(t *testing.T, path string) string {
	t.Helper()
	w := b.get(path)
	require.Equal(t, http.StatusOK, w.Code, path)
	return w.Body.String()
}

var pagePaths = []string{"/", "/experiments/choosing-a-solver", "/nodes", "/privacy", "/books", "/rounds", "/log"}

func TestEveryPageIsMadeInEveryState(t *testing.T) {
	states := map[string]View{
		"ended": sample(), "running": running(), "deployed": deployed(), "too early": early(), "empty": {},
		"no leader": func() View {
			v := deployed()
			v.Cluster.Leader, v.Cluster.Up, v.Cluster.Down = "", 1, []string{"r2", "r3"}
			return v
		}(),
	}
	for name, v := range states {
		t.Run(name, func(t *testing.T) {
			b := open(t, v)
			for _, path := range pagePaths {
				if path == "/log" && v.Log == nil || len(v.Experiments) == 0 && strings.HasPrefix(path, "/experiments/") {
					continue
				}
				page := b.page(t, path)
				assert.Equal(t, 1, strings.Count(page, "<h1>"), "%s has one h1", path)
				if !(path == "/" && (len(v.Experiments) == 0 || len(v.Experiments[0].Versions) == 0)) {
					assert.Equal(t, 1, strings.Count(page, `<p class="lead">`), "%s answers in one sentence", path)
				}
				for _, bad := range []string{"NaN", "+Inf", "-Inf", ">Inf<", "%!", "<nil>", "ZgotmplZ", "0001"} {
					assert.False(t, strings.Contains(page, bad), "%s shows %s", path, bad)
				}
			}
		})
	}
}

func TestPagesRefuseWhoHasNoSession(t *testing.T) {
	h, err := New(Config{Source: sample, Token: testToken})
	require.NoError(t, err)
	for _, path := range append(pagePaths, "/?t=wrong-token-of-length", "/nothing") {
		w := answer(h, request("GET", path))
		assert.Equal(t, http.StatusUnauthorized, w.Code, path)
		assert.NotContains(t, w.Body.String(), "choosing-a-solver", "a refusal says nothing about the cluster")
	}
}

func TestTokenOpensOneSessionOnly(t *testing.T) {
	b := open(t, sample())
	assert.True(t, b.cookie.HttpOnly)
	assert.Equal(t, http.SameSiteStrictMode, b.cookie.SameSite)
	assert.NotContains(t, b.cookie.Value, testToken)
	again := answer(b.handler, request("GET", "/?t="+testToken))
	assert.Equal(t, http.StatusUnauthorized, again.Code, "the token is used up")
	assert.Empty(t, again.Result().Cookies())
	assert.Equal(t, http.StatusSeeOther, b.get("/?t="+testToken).Code, "the browser that has the session may follow the link again")
	assert.Equal(t, http.StatusOK, b.get("/").Code)
}

func TestLookingAtTheLinkDoesNotUseIt(t *testing.T) {
	h, err := New(Config{Source: sample, Token: testToken})
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, answer(h, request("HEAD", "/?t="+testToken)).Code)
	assert.Equal(t, http.StatusSeeOther, answer(h, request("GET", "/?t="+testToken)).Code)
}

func TestForeignHostsOriginsMethodsAndMachinesAreRefused(t *testing.T) {
	cases := map[string]struct {
		change func(*http.Request)
		status int
	}{
		"a name pointed at loopback": {func(r *http.Request) { r.Host = "evil.example:8080" }, http.StatusMisdirectedRequest},
		"a name that looks like it":  {func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, http.StatusMisdirectedRequest},
		"no host":                    {func(r *http.Request) { r.Host = "" }, http.StatusMisdirectedRequest},
		"another site":               {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, http.StatusForbidden},
		"another port":               {func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:9999") }, http.StatusForbidden},
		"an opaque origin":           {func(r *http.Request) { r.Header.Set("Origin", "null") }, http.StatusForbidden},
		"another machine":            {func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1234" }, http.StatusForbidden},
		"a write":                    {func(r *http.Request) { r.Method = "POST" }, http.StatusMethodNotAllowed},
		"itself":                     {func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:8080") }, http.StatusOK},
		"itself by name":             {func(r *http.Request) { r.Host = "localhost:8080" }, http.StatusOK},
		"itself over IPv6":           {func(r *http.Request) { r.Host, r.RemoteAddr = "[::1]:8080", "[::1]:4000" }, http.StatusOK},
	}
	b := open(t, sample())
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := request("GET", "/")
			r.AddCookie(b.cookie)
			c.change(r)
			assert.Equal(t, c.status, answer(b.handler, r).Code)
		})
	}
}

func TestConfigurationWithoutSourceOrTokenIsRefused(t *testing.T) {
	_, err := New(Config{Token: testToken})
	assert.Equal(t, "source", posse.As(err).Field)
	_, err = New(Config{Source: sample, Token: "short"})
	assert.Equal(t, "token", posse.As(err).Field)
	assert.NotContains(t, err.Error(), "got short", "the token itself is not repeated")
}

func TestPagesAllowNothingInlineAndNoOtherHost(t *testing.T) {
	b := open(t, sample())
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script>|<script[^>]*>[^<]`)
	other := regexp.MustCompile(`(?i)(?:src|href|action)="(?:https?:)?//`)
	for _, path := range pagePaths {
		w := b.get(path)
		policy := w.Header().Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'self'", "style-src 'self'", "script-src 'self'", "object-src 'none'", "frame-ancestors 'none'"} {
			assert.Contains(t, policy, part)
		}
		assert.NotContains(t, policy, "unsafe")
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		assert.Empty(t, inline.FindString(w.Body.String()), path)
		assert.Empty(t, other.FindString(w.Body.String()), path)
	}
	assert.NotEmpty(t, inline.FindString(`<p style="color:red">`), "the check itself finds what it looks for")
	assert.NotEmpty(t, other.FindString(`<img src="https://example.org/x">`))
}

func TestAssetsNameNoOtherHost(t *testing.T) {
	b := open(t, sample())
	host := regexp.MustCompile(`https?://([a-z0-9.-]+)`)
	for _, name := range []string{"posse.css", "posse.js", "icon.svg"} {
		w := answer(b.handler, request("GET", "/assets/"+name))
		require.Equal(t, http.StatusOK, w.Code)
		for _, found := range host.FindAllStringSubmatch(w.Body.String(), -1) {
			assert.Equal(t, "www.w3.org", found[1], "%s: a namespace and nothing that is fetched", name)
		}
	}
	assert.Equal(t, http.StatusNotFound, answer(b.handler, request("GET", "/assets/other.js")).Code)
	assert.Equal(t, http.StatusNotFound, answer(b.handler, request("GET", "/assets/..%2fweb.go")).Code)
}

func TestUnchangedPageIsNotSentAgain(t *testing.T) {
	b := open(t, sample())
	first := b.get("/")
	r := request("GET", "/")
	r.AddCookie(b.cookie)
	r.Header.Set("If-None-Match", first.Header().Get("Etag"))
	assert.Equal(t, http.StatusNotModified, answer(b.handler, r).Code)
}

func TestOnlyExperimentIsShownAtOnce(t *testing.T) {
	b := open(t, sample())
	w := b.get("/experiments")
	assert.Equal(t, "/experiments/choosing-a-solver", w.Header().Get("Location"))
	assert.Equal(t, http.StatusNotFound, b.get("/experiments/other").Code)
	assert.Equal(t, http.StatusNotFound, b.get("/audits").Code)
	assert.False(t, strings.Contains(b.page(t, "/"), "Audits"), "what does not exist is not in the navigation")
}
