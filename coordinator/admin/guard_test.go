package admin_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/posse-dev/posse/coordinator/admin"
)

func TestTheGuardAnswersAsTheServiceWould(t *testing.T) {
	guarded := admin.Guard("s3cret", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, row := range map[string]struct {
		change func(*http.Request)
		status int
		code   string
	}{
		"the token":                      {header("Authorization", "Bearer s3cret"), http.StatusNoContent, ""},
		"a scheme in small letters":      {header("Authorization", "bearer s3cret"), http.StatusNoContent, ""},
		"another token":                  {header("Authorization", "Bearer s3cres"), http.StatusUnauthorized, "unauthenticated"},
		"a part of it":                   {header("Authorization", "Bearer s3cre"), http.StatusUnauthorized, "unauthenticated"},
		"another scheme":                 {header("Authorization", "Basic s3cret"), http.StatusUnauthorized, "unauthenticated"},
		"the bare token":                 {header("Authorization", "s3cret"), http.StatusUnauthorized, "unauthenticated"},
		"none":                           {func(r *http.Request) { r.Header.Del("Authorization") }, http.StatusUnauthorized, "unauthenticated"},
		"another site's page":            {header("Origin", "https://elsewhere.example"), http.StatusForbidden, "permission_denied"},
		"a form on another site":         {header("Sec-Fetch-Site", "cross-site"), http.StatusForbidden, "permission_denied"},
		"another machine":                {func(r *http.Request) { r.RemoteAddr = "192.0.2.7:4711" }, http.StatusForbidden, "permission_denied"},
		"a name that points to loopback": {func(r *http.Request) { r.Host = "rebound.example" }, http.StatusForbidden, "permission_denied"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:7070/posse.v1.AdminService/Status", http.NoBody)
			r.RemoteAddr = "127.0.0.1:4711"
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer s3cret")
			row.change(r)
			w := httptest.NewRecorder()
			guarded.ServeHTTP(w, r)
			assert.Equal(t, row.status, w.Code)
			if row.code != "" {
				assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
				assert.Contains(t, w.Body.String(), `"code":"`+row.code+`"`)
			}
		})
	}
}
