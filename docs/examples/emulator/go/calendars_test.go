// A program that reads calendars, and its test: eval "$(orgcal-emulator start --seed ../seed.yaml)" && go test
package calendars

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

type list struct {
	Value []struct{ ID, UserPrincipalName, Name string }
}

func get(client *http.Client, address, token string, into any) (int, error) {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	return answer.StatusCode, json.NewDecoder(answer.Body).Decode(into)
}

// calendarsByUser returns names of calendars by user; users without a mailbox are left out.
func calendarsByUser(client *http.Client, graph string) (map[string][]string, error) {
	credential, err := azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{
		ClientOptions:            azcore.ClientOptions{Transport: client},
		DisableInstanceDiscovery: graph != "https://graph.microsoft.com",
	})
	if err != nil {
		return nil, err
	}
	scopes := []string{"https://graph.microsoft.com/.default"}
	token, err := credential.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: scopes})
	if err != nil {
		return nil, err
	}
	var users list
	if _, err = get(client, graph+"/v1.0/users?$select=id,userPrincipalName", token.Token, &users); err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, user := range users.Value {
		var calendars list
		status, err := get(client, graph+"/v1.0/users/"+user.ID+"/calendars", token.Token, &calendars)
		if err != nil {
			return nil, err
		}
		for _, calendar := range calendars.Value {
			if status == http.StatusOK {
				found[user.UserPrincipalName] = append(found[user.UserPrincipalName], calendar.Name)
			}
		}
	}
	return found, nil
}

// emulator returns a client that trusts it, its address, and a call of its control routes; it is as its seed says.
func emulator(t *testing.T) (*http.Client, string, func(path, body string)) {
	roots := x509.NewCertPool()
	pem, _ := os.ReadFile(os.Getenv("SSL_CERT_FILE")) // Go on macOS does not read it by itself
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	var ready struct {
		Control struct {
			URL       string
			TokenFile string `json:"token_file"`
		}
	}
	text, _ := os.ReadFile(os.Getenv("ORGCAL_EMULATOR_FILE"))
	if err := json.Unmarshal(text, &ready); err != nil {
		t.Fatal(err)
	}
	token, _ := os.ReadFile(ready.Control.TokenFile)
	call := func(path, body string) {
		request, _ := http.NewRequest(http.MethodPost, ready.Control.URL+path, strings.NewReader(body))
		request.Header.Set("Authorization", "Bearer "+string(token))
		answer, err := client.Do(request)
		if err != nil || answer.StatusCode >= http.StatusBadRequest {
			t.Fatal(path, answer, err)
		}
		answer.Body.Close()
	}
	call("/reset", "")
	return client, os.Getenv("ORGCAL_EMULATOR_URL"), call
}

func TestUsersWithoutAMailboxAreLeftOut(t *testing.T) {
	client, graph, _ := emulator(t)
	found, err := calendarsByUser(client, graph)
	if err != nil || len(found) != 17 { // of 20, three of them without a mailbox
		t.Fatal(len(found), err)
	}
}

func TestUserWhoseCalendarsCannotBeReadIsLeftOut(t *testing.T) {
	client, graph, call := emulator(t)
	call("/faults", `{"path": "/v1.0/users/.*/calendars", "status": 500}`)
	found, err := calendarsByUser(client, graph)
	if err != nil || len(found) != 16 {
		t.Fatal(len(found), err)
	}
}
