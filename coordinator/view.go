package coordinator

import "github.com/posse-dev/posse/coordinator/web"

// WebView is what the dashboard shows, from the state that this replica has applied.
func (c *Coordinator) WebView() web.View { return web.View{Now: c.config.Now()} }
