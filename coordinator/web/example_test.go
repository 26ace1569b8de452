package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/posse-dev/posse/coordinator/web"
)

func ExampleNew() {
	handler, err := web.New(web.Config{
		Source: func() web.View {
			return web.View{Cluster: web.Cluster{Name: "prod", Replicas: 3, Up: 3, Leader: "r1"}}
		},
		Token: "from-a-cryptographic-source",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	response, err := http.Get(server.URL + "/") // without the link that was printed
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	// Output: 401 Unauthorized
}
