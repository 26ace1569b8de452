package web

import (
	"bytes"
	"embed"
	"net/http"
	"strings"
	"time"
)

// assets holds the style sheet, the one script and the mark, as they are served.
//
//go:embed assets/posse.css assets/posse.js assets/icon.svg
var assets embed.FS

// serveAsset serves one file of assets.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	kind := map[string]string{
		"posse.css": "text/css; charset=utf-8", "posse.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	}[name]
	data, err := assets.ReadFile("assets/" + name)
	if err != nil || kind == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "max-age=3600, immutable") // the address carries a hash of the content
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
}

// assetPath is the address of an asset, with a hash of its content so that a
// new binary's is never mistaken for an old one's.
func assetPath(name string) (string, error) {
	data, err := assets.ReadFile("assets/" + name)
	if err != nil {
		return "", err
	}
	return "/assets/" + name + "?v=" + digest(strings.TrimSpace(string(data))), nil
}
