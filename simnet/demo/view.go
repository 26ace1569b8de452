package demo

import "github.com/posse-dev/posse/coordinator/web"

// View is what the dashboard shows: the leading replica's own view, with what only
// a demo knows.
func (d *Demo) View() web.View {
	l := d.stage.leader()
	if l == nil {
		return web.View{Now: d.cfg.Now(), Version: d.cfg.Version, Cluster: web.Cluster{Name: "demo"}, Simulated: true}
	}
	v := l.WebView()
	v.Version, v.Simulated = d.cfg.Version, true
	return v
}
