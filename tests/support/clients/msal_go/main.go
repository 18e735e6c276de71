// MSAL for Go, unmodified, and Graph by net/http, as a program without Microsoft's Graph SDK uses them.
// Usage: program TASK [USER]; prints JSON. The login and the address are in variables of the environment.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	msalerrors "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
)

const mostTries = 5

type page struct {
	Value []map[string]any `json:"value"`
	Next  string           `json:"@odata.nextLink"`
}

type program struct {
	base   string
	http   *http.Client
	msal   confidential.Client
	waited int
}

func must[T any](value T, err error) T {
	if err != nil {
		var call msalerrors.CallErr
		if errors.As(err, &call) {
			fmt.Println(call.Verbose())
		}
		fmt.Println(err)
		os.Exit(1)
	}
	return value
}

func newProgram() *program {
	base, tenant := os.Getenv("BASE"), os.Getenv("TENANT_ID")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(os.Getenv("CA_FILE"))))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	msal := must(confidential.New(
		base+"/"+tenant, os.Getenv("CLIENT_ID"), credential(),
		confidential.WithHTTPClient(client), confidential.WithInstanceDiscovery(false),
	))
	return &program{base: base, http: client, msal: msal}
}

func credential() confidential.Credential {
	if path := os.Getenv("CERTIFICATE_FILE"); path != "" {
		certificates, key, err := confidential.CertFromPEM(must(os.ReadFile(path)), "")
		must(key, err)
		return must(confidential.NewCredFromCert(certificates, key))
	}
	return must(confidential.NewCredFromSecret(string(must(os.ReadFile(os.Getenv("SECRET_FILE"))))))
}

// token asks again after as long as a refusal says; MSAL for Go leaves that to the program.
func (p *program) token() string {
	for {
		result, err := p.msal.AcquireTokenByCredential(context.Background(), []string{"https://graph.microsoft.com/.default"})
		var call msalerrors.CallErr
		if errors.As(err, &call) && call.Resp.StatusCode == http.StatusTooManyRequests && p.waited < mostTries {
			p.wait(call.Resp)
			continue
		}
		must(result, err)
		return result.AccessToken
	}
}

func (p *program) wait(answer *http.Response) {
	p.waited++
	seconds := must(strconv.Atoi(answer.Header.Get("Retry-After")))
	time.Sleep(time.Duration(seconds) * time.Second)
}

func (p *program) get(address string, into any) {
	token := p.token()
	for {
		request := must(http.NewRequest(http.MethodGet, address, nil))
		request.Header.Set("Authorization", "Bearer "+token)
		answer := must(p.http.Do(request))
		if answer.StatusCode == http.StatusTooManyRequests && p.waited < mostTries {
			answer.Body.Close()
			p.wait(answer)
			continue
		}
		if answer.StatusCode != http.StatusOK {
			must(0, fmt.Errorf("%s answered %s", address, answer.Status))
		}
		err := json.NewDecoder(answer.Body).Decode(into)
		answer.Body.Close()
		must(into, err)
		return
	}
}

func (p *program) list(address string) []map[string]any {
	found := []map[string]any{}
	for address != "" {
		var one page
		p.get(address, &one)
		found = append(found, one.Value...)
		address = one.Next
	}
	return found
}

func main() {
	p := newProgram()
	address := p.base + "/v1.0/users?$top=20&$select=id,userPrincipalName"
	if os.Args[1] == "calendars" {
		address = p.base + "/v1.0/users/" + os.Args[2] + "/calendars"
	}
	found := p.list(address)
	must(0, json.NewEncoder(os.Stdout).Encode(map[string]any{"found": found, "waited": p.waited}))
}
