// Microsoft's Graph SDK for JavaScript and @azure/identity, unmodified, as their documentation shows them.
// Usage: node witness.mjs TASK [ARGUMENT]; prints JSON. The login and the address are in variables of the environment.
import { readFileSync } from "node:fs";
import { ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";
import { BatchRequestContent, BatchResponseContent, Client, PageIterator } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

const { BASE, TENANT_ID, CLIENT_ID, SECRET_FILE, CERTIFICATE_FILE } = process.env;
const options = { authorityHost: BASE, disableInstanceDiscovery: true };
const credential = CERTIFICATE_FILE
  ? new ClientCertificateCredential(TENANT_ID, CLIENT_ID, CERTIFICATE_FILE, options)
  : new ClientSecretCredential(TENANT_ID, CLIENT_ID, readFileSync(SECRET_FILE, "ascii"), options);
const authProvider = new TokenCredentialAuthenticationProvider(credential, {
  scopes: ["https://graph.microsoft.com/.default"],
});
const client = Client.initWithMiddleware({ authProvider, baseUrl: BASE, customHosts: new Set(["localhost"]) });

async function everyPage(page) {
  const found = [];
  const iterator = new PageIterator(client, page, (each) => found.push(each));
  await iterator.iterate();
  return { found, deltaLink: iterator.getDeltaLink() };
}

const tasks = {
  async users() {
    const { found } = await everyPage(await client.api("/users").select("id,userPrincipalName").top(20).get());
    return found.map((each) => each.id);
  },
  async delta() {
    const first = await everyPage(await client.api("/users/delta").select("id,displayName").get());
    const second = await everyPage(await client.api(first.deltaLink).get());
    return { all: first.found.map((each) => each.id), changed: second.found.length, again: Boolean(second.deltaLink) };
  },
  async follow(link) {
    return client.api(link).get();
  },
  async calendars(user) {
    const calendars = await client.api(`/users/${user}/calendars`).select("name,isDefaultCalendar").get();
    const start = "2026-01-01T00:00:00Z";
    const events = await client
      .api(`/users/${user}/calendarView`)
      .query({ startDateTime: start, endDateTime: "2027-12-31T00:00:00Z" })
      .header("Prefer", 'outlook.body-content-type="text"')
      .top(50)
      .get();
    return { calendars: calendars.value, events: events.value };
  },
  async batch(...users) {
    // Without v1.0: release 3.0.7 sends the whole path on, and Graph refuses its own version in it.
    const steps = users.map((user, index) => ({
      id: String(index),
      request: new Request(`${BASE}/users/${user}/calendars`, { method: "GET" }),
    }));
    const content = await new BatchRequestContent(steps).getContent();
    const answers = new BatchResponseContent(await client.api("/$batch").post(content));
    const statuses = {};
    for (const [id, answer] of answers.getResponses()) statuses[users[Number(id)]] = answer.status;
    return statuses;
  },
  async application(name) {
    const made = await client.api("/applications").post({ displayName: name, signInAudience: "AzureADMultipleOrgs" });
    const password = await client.api(`/applications/${made.id}/addPassword`).post({ passwordCredential: {} });
    await client.api(`/applications/${made.id}/removePassword`).post({ keyId: password.keyId });
    await client.api(`/applications/${made.id}`).patch({ notes: "changed" });
    const read = await client.api(`/applications/${made.id}`).get();
    await client.api(`/applications/${made.id}`).delete();
    return { notes: read.notes, passwords: read.passwordCredentials.length, secret: Boolean(password.secretText) };
  },
};

try {
  const [task, ...given] = process.argv.slice(2);
  console.log(JSON.stringify(await tasks[task](...given)));
} catch (error) {
  console.log(JSON.stringify({ status: error.statusCode, code: error.code, requestId: error.requestId, text: String(error) }));
  process.exitCode = 1;
}
