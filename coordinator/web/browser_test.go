package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Environment of these tests:
//
//	POSSE_SCREENSHOT=FILE    keep the overview in light colours at 1280 px
//	POSSE_DASHBOARD=URL      with it: take the picture of that running dashboard, URL as it was printed (README's picture)
//	POSSE_SCREENSHOTS=DIR    keep every page in every form
const (
	envScreenshot  = "POSSE_SCREENSHOT"
	envScreenshots = "POSSE_SCREENSHOTS"
	envDashboard   = "POSSE_DASHBOARD"
)

// tab is a browser's tab and what went wrong in it.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	host     string
	wrong    []string
	requests int
}

// startBrowser starts a headless Chromium, or skips the test where there is none.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no chromium: run make chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-gpu", true))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(stop)
	require.NoError(t, chromedp.Do(ctx))
	return ctx
}

// openTab opens a tab that notes every console message above info, every
// exception and every request to another host than the dashboard's.
func openTab(t *testing.T, browser context.Context, address string) *tab {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	w := &tab{t: t, ctx: ctx, host: u.Host}
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			w.note("console: %v", e.Type)
		case *runtime.EventExceptionThrown:
			w.note("exception: %s", e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			w.note("log: %v %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		case *network.EventRequestWillBeSent:
			w.request(e.Request.URL)
		}
	}))
	w.do(chromedp.Navigate(address))
	return w
}

func (w *tab) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

func (w *tab) request(address string) {
	w.mu.Lock()
	w.requests++
	w.mu.Unlock()
	if u, err := url.Parse(address); err != nil || u.Scheme != "data" && u.Host != w.host {
		w.note("request off host: %s", address)
	}
}

// found returns what went wrong and forgets it.
func (w *tab) found() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	wrong := w.wrong
	w.wrong = nil
	return wrong
}

// do runs steps, each call within a minute.
func (w *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	require.NoError(w.t, chromedp.Do(ctx, steps...))
}

// value evaluates a script in the tab.
func value[T any](w *tab, script string) T {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	require.NoError(w.t, err, script)
	return v
}

// form is a way to look at a page.
type form struct {
	name   string
	scheme string
	width  int64
}

var forms = []form{{"light-1280", "light", 1280}, {"dark-1280", "dark", 1280}, {"light-320", "light", 320}, {"dark-320", "dark", 320}}

// look makes the tab show pages in a form.
func (w *tab) look(f form) {
	w.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		size := emulation.SetDeviceMetricsOverrideParams{Width: f.width, Height: 900, DeviceScaleFactor: 1.5}
		if _, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, size); err != nil {
			return err
		}
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: f.scheme}}}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
		return err
	}))
}

// keep writes the whole page as a picture.
func (w *tab) keep(file string) {
	w.t.Helper()
	shot, err := chromedp.Call(w.ctx, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{CaptureBeyondViewport: ptr(true)})
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(file, shot.Data, 0o644))
}

// serve serves a view and returns the address that opens a session.
func serve(t *testing.T, source func() View) (*httptest.Server, string) {
	t.Helper()
	h, err := New(Config{Source: source, Token: testToken})
	require.NoError(t, err)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server, server.URL + "/?t=" + testToken
}

func TestEveryPageInABrowser(t *testing.T) {
	browser := startBrowser(t)
	views := []struct {
		name string
		view View
	}{{"", sample()}, {"running", running()}, {"deployed", deployed()}, {"early", early()}, {"burning", burning()}, {"hostile", hostile()}}
	for _, c := range views {
		server, address := serve(t, func() View { return c.view })
		w := openTab(t, browser, address)
		shown := forms
		if c.name != "" {
			shown = []form{forms[1], forms[2]} // dark and wide, light and narrow
		}
		for _, f := range shown {
			w.look(f)
			for _, path := range pagePaths {
				file := strings.Trim(path, "/")
				switch {
				case path == "/":
					file = "overview"
				case strings.HasPrefix(path, "/experiments/"):
					file, path = "experiment", experimentPath(c.view.Experiments[0].Name)
				}
				at := strings.Join([]string{c.name, f.name, path}, " ")
				w.do(chromedp.Navigate(server.URL + path))
				assert.Empty(t, w.found(), at)
				inside, outside := value[int](w, `document.documentElement.scrollWidth`), value[int](w, `document.documentElement.clientWidth`)
				assert.LessOrEqual(t, inside, outside, "%s scrolls sideways", at)
				assert.Equal(t, int(f.width), outside, at)
				assert.NotEmpty(t, value[string](w, `document.querySelector('h1').textContent`), at)
				assert.Equal(t, map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[f.scheme], value[string](w, `getComputedStyle(document.body).backgroundColor`), at)
				if dir := os.Getenv(envScreenshots); dir != "" {
					w.keep(filepath.Join(dir, strings.TrimPrefix(strings.Join([]string{c.name, file, f.name}, "-"), "-")+".png"))
				}
				if picture := os.Getenv(envScreenshot); picture != "" && os.Getenv(envDashboard) == "" && c.name == "" && file == "overview" && f == forms[0] {
					w.keep(picture)
				}
			}
		}
		assert.Positive(t, w.requests, "requests were watched")
	}
}

func TestWatchedTabSeesWhatMustNotHappen(t *testing.T) {
	server, address := serve(t, sample)
	w := openTab(t, startBrowser(t), address)
	require.Empty(t, w.found())
	for _, script := range []string{
		`console.error('planted'); 1`,
		`fetch('http://192.0.2.1/').catch(() => {}); 1`,
		`document.body.insertAdjacentHTML('beforeend', '<p style="color:red">planted</p>'); 1`,
		`document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.planted = 1'})); 1`,
	} {
		w.do(chromedp.Navigate(server.URL + "/"))
		value[int](w, script)
		assert.Eventually(t, func() bool { return len(w.found()) > 0 }, 20*time.Second, 50*time.Millisecond, script)
	}
}

func TestPictureOfARunningDashboard(t *testing.T) {
	address, file := os.Getenv(envDashboard), os.Getenv(envScreenshot)
	if address == "" || file == "" {
		t.Skip("takes a picture only with " + envDashboard + " and " + envScreenshot)
	}
	w := openTab(t, startBrowser(t), address)
	u, err := url.Parse(address)
	require.NoError(t, err)
	w.look(forms[0])
	w.do(chromedp.Navigate(u.Scheme+"://"+u.Host+"/"), chromedp.WaitVisible(chromedp.CSS(".facts")))
	w.keep(file)
	assert.Empty(t, w.found())
}

func TestPageFollowsTheClusterAndSaysWhenItCannot(t *testing.T) {
	var current atomic.Pointer[View]
	first := running()
	current.Store(&first)
	server, address := serve(t, func() View { return *current.Load() })
	w := openTab(t, startBrowser(t), address)
	value[int](w, `document.querySelector('details').open = true; window.kept = 1`)

	next := running()
	next.Experiments[0].Demo.Together = -0.07
	next.Now = next.Now.Add(2 * time.Second)
	current.Store(&next)
	require.Eventually(t, func() bool {
		return strings.Contains(value[string](w, `document.querySelector('.lead').textContent`), "85")
	}, 30*time.Second, 200*time.Millisecond, "the sentence follows")
	assert.True(t, value[bool](w, `window.kept === 1`), "without loading the page again")
	assert.True(t, value[bool](w, `document.querySelector('details').open`), "a table that was open stays open")
	assert.True(t, value[bool](w, `!!document.querySelector('.facts') && document.querySelectorAll('h1').length === 1`))

	ended := sample()
	current.Store(&ended)
	require.Eventually(t, func() bool {
		return strings.Contains(value[string](w, `document.getElementById('main').textContent`), "What each organisation gained")
	}, 30*time.Second, 200*time.Millisecond, "a part that was not there before appears")
	assert.True(t, value[bool](w, `window.kept === 1`))
	assert.Empty(t, w.found())

	server.CloseClientConnections()
	server.Close()
	w.do(chromedp.WaitVisible(chromedp.CSS("#lost")))
	banner := value[string](w, `document.getElementById('lost').innerText`)
	assert.Contains(t, banner, "No connection to the coordinator")
	assert.Contains(t, banner, "Figures are as of 14:32:36")
	assert.Contains(t, banner, "they decide by themselves")
	assert.True(t, value[bool](w, `!!document.querySelector('main .facts')`), "figures stay")
}

func TestEveryControlIsReachedByKeyboard(t *testing.T) {
	server, address := serve(t, sample)
	w := openTab(t, startBrowser(t), address)
	w.look(forms[0])
	w.do(chromedp.Navigate(server.URL + "/rounds"))
	controls := value[int](w, `window.controls = [...document.querySelectorAll('a[href], button, summary, [tabindex="0"]')].filter(c => c.checkVisibility()); window.seen = new Set(); controls.length`)
	require.Greater(t, controls, 10)
	for range controls + 5 {
		w.do(chromedp.KeyEvent("\t"))
		value[int](w, `seen.add(document.activeElement); 1`)
	}
	assert.Equal(t, controls, value[int](w, `controls.filter(c => seen.has(c)).length`))
}
