// Microsoft's Graph SDK for JavaScript and @azure/identity, unmodified, as their documentation shows them.
// Each line of its input is a task, {login, task, given}, and each line of its output that task's end, {ended, found}.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";
import { BatchRequestContent, BatchResponseContent, Client, PageIterator } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

let client;
let base;

function logIn({ address, tenantId, clientId, secretFile, certificateFile }) {
  const options = { authorityHost: address, disableInstanceDiscovery: true };
  const credential = certificateFile
    ? new ClientCertificateCredential(tenantId, clientId, certificateFile, options)
    : new ClientSecretCredential(tenantId, clientId, readFileSync(secretFile, "ascii"), options);
  const authProvider = new TokenCredentialAuthenticationProvider(credential, {
    scopes: ["https://graph.microsoft.com/.default"],
  });
  base = address;
  client = Client.initWithMiddleware({ authProvider, baseUrl: base, customHosts: new Set(["localhost"]) });
}

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
    return { all: first.found.map((each) => each.id), changed: second.found.length, again: second.deltaLink };
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
      request: new Request(`${base}/users/${user}/calendars`, { method: "GET" }),
    }));
    const content = await new BatchRequestContent(steps).getContent();
    const answers = new BatchResponseContent(await client.api("/$batch").post(content));
    const statuses = {};
    for (const [id, answer] of answers.getResponses()) statuses[users[Number(id)]] = answer.status;
    return statuses;
  },
  async events(user) {
    const calendar = await client.api(`/users/${user}/calendar`).get();
    const roads = [`/users/${user}`, `/users/${user}/calendar`, `/users/${user}/calendars/${calendar.id}`];
    await client.api(roads[2]).select("name").get();
    const found = [];
    for (const road of roads) {
      const [event] = (await client.api(`${road}/events`).top(1).get()).value;
      const again = await client.api(`${road}/events/${event.id}`).select("subject").get();
      const times = { startDateTime: event.start.dateTime, endDateTime: event.end.dateTime };
      const view = await client.api(`${road}/calendarView`).query(times).get();
      found.push(again.id === event.id && view.value.some((each) => each.id === event.id));
    }
    return found;
  },
  async counts() {
    const found = {};
    for (const kind of ["users", "applications", "servicePrincipals"])
      found[kind] = await client.api(`/${kind}/$count`).header("ConsistencyLevel", "eventual").get();
    return found;
  },
  async deleted(name) {
    const application = await client.api("/applications").post({ displayName: name });
    const principal = await client.api("/servicePrincipals").post({ appId: application.appId });
    await client.api(`/servicePrincipals/${principal.id}`).delete();
    const principals = await client.api("/directory/deletedItems/microsoft.graph.servicePrincipal").get();
    await client.api(`/directory/deletedItems/${principal.id}`).delete();
    await client.api(`/applications/${application.id}`).delete();
    await client.api(`/directory/deletedItems/${application.id}/restore`).post({});
    const restored = await client.api(`/applications/${application.id}`).get();
    await client.api(`/applications/${application.id}`).delete();
    await client.api(`/directory/deletedItems/${application.id}/microsoft.graph.restore`).post({});
    await client.api(`/applications/${application.id}`).delete();
    return { listed: principals.value.some((each) => each.id === principal.id), restored: restored.displayName === name };
  },
  async objects(name) {
    const application = await client.api("/applications").post({ displayName: name });
    const principal = await client.api("/servicePrincipals").post({ appId: application.appId });
    const reference = { "@odata.id": `${base}/v1.0/directoryObjects/${principal.id}` };
    const owners = {};
    for (const [kind, id] of [["applications", application.id], ["servicePrincipals", principal.id]]) {
      await client.api(`/${kind}/${id}/owners/$ref`).post(reference);
      const listed = await client.api(`/${kind}/${id}/owners`).get();
      const references = await client.api(`/${kind}/${id}/owners/$ref`).get();
      await client.api(`/${kind}/${id}/owners/${principal.id}/$ref`).delete();
      owners[kind] = listed.value.some((each) => each.id === principal.id) && references.value.length === listed.value.length;
    }
    await client.api(`/applications/${application.id}/owners/$ref`).post(reference);
    const owned = await client.api(`/servicePrincipals/${principal.id}/ownedObjects`).get();
    const single = await client.api(`/directoryObjects/${principal.id}`).get();
    const several = await client.api("/directoryObjects/getByIds").post({ ids: [application.id, principal.id] });
    await client.api(`/applications/${application.id}`).delete();
    return { owners, owned: owned.value.length, single: single.displayName === name, several: several.value.length };
  },
  async principal(name) {
    const application = await client.api("/applications").post({ displayName: name });
    const principal = await client.api("/servicePrincipals").post({ appId: application.appId });
    const its = `/servicePrincipals/${principal.id}`;
    await client.api(its).patch({ tags: ["WindowsAzureActiveDirectoryIntegratedApp"] });
    const password = await client.api(`${its}/addPassword`).post({ passwordCredential: { displayName: "own" } });
    await client.api(`${its}/removePassword`).post({ keyId: password.keyId });
    const read = await client.api(its).get();
    await client.api(`/applications/${application.id}`).delete();
    return { tags: read.tags, passwords: read.passwordCredentials.length };
  },
  async grants(name) {
    const application = await client.api("/applications").post({ displayName: name });
    const principal = await client.api("/servicePrincipals").post({ appId: application.appId });
    const graph = await client.api("/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')").get();
    const role = graph.appRoles.find((each) => each.value === "Calendars.Read");
    const body = { principalId: principal.id, resourceId: graph.id, appRoleId: role.id };
    const seen = [];
    for (const [owner, road] of [[graph.id, "appRoleAssignedTo"], [principal.id, "appRoleAssignments"]]) {
      const list = `/servicePrincipals/${owner}/${road}`;
      const made = await client.api(list).post(body);
      const read = await client.api(`${list}/${made.id}`).get();
      const listed = await client.api(list).get();
      await client.api(`${list}/${made.id}`).delete();
      seen.push(read.appRoleId === role.id && listed.value.some((each) => each.id === made.id));
    }
    await client.api(`/applications/${application.id}`).delete();
    return seen;
  },
  async delegated(name) {
    const application = await client.api("/applications").post({ displayName: name });
    const principal = await client.api("/servicePrincipals").post({ appId: application.appId });
    const graph = await client.api("/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')").get();
    const body = { clientId: principal.id, consentType: "AllPrincipals", resourceId: graph.id, scope: "User.Read" };
    const made = await client.api("/oauth2PermissionGrants").post(body);
    await client.api(`/oauth2PermissionGrants/${made.id}`).patch({ scope: "User.Read Calendars.Read" });
    const read = await client.api(`/oauth2PermissionGrants/${made.id}`).get();
    const listed = (await client.api("/oauth2PermissionGrants").filter(`clientId eq '${principal.id}'`).get()).value;
    const its = (await client.api(`/servicePrincipals/${principal.id}/oauth2PermissionGrants`).get()).value;
    await client.api(`/oauth2PermissionGrants/${made.id}`).delete();
    const left = (await client.api("/oauth2PermissionGrants").filter(`clientId eq '${principal.id}'`).get()).value;
    await client.api(`/applications/${application.id}`).delete();
    return { scope: read.scope, listed: listed.length, its: its.length, left: left.length };
  },
  async groups() {
    const { found } = await everyPage(await client.api("/groups").select("id,displayName").get());
    const everybody = found.find((each) => each.displayName === "All Company");
    const same = await client.api(`/groups/${everybody.id}`).get();
    const members = await everyPage(await client.api(`/groups/${everybody.id}/members`).top(20).get());
    const all = await everyPage(await client.api(`/groups/${everybody.id}/transitiveMembers`).get());
    const counted = await client.api("/groups/$count").header("ConsistencyLevel", "eventual").get();
    const isSame = same.id === everybody.id;
    return { groups: found.length, counted, same: isSame, members: members.found.length, all: all.found.length };
  },
  async manager(user) {
    return client.api(`/users/${user}/manager`).get();
  },
  async tenant() {
    const [organization] = (await client.api("/organization").get()).value;
    const same = await client.api(`/organization/${organization.id}`).get();
    const templates = (await client.api("/applicationTemplates").top(1).get()).value;
    const policy = await client.api("/policies/defaultAppManagementPolicy").get();
    await client.api("/policies/defaultAppManagementPolicy").patch({ isEnabled: policy.isEnabled });
    return { same: same.id === organization.id, templates: templates.length, policy: policy.isEnabled };
  },
  async policies(name) {
    const application = await client.api("/applications").post({ displayName: name });
    const restrictions = { passwordCredentials: [], keyCredentials: [] };
    const asked = { displayName: name, description: name, isEnabled: true, restrictions };
    const policy = await client.api("/policies/appManagementPolicies").post(asked);
    const its = `/policies/appManagementPolicies/${policy.id}`;
    await client.api(its).patch({ description: "changed" });
    const assigned = `/applications/${application.id}/appManagementPolicies`;
    await client.api(`${assigned}/$ref`).post({ "@odata.id": `${base}/v1.0${its}` });
    const listed = (await client.api(assigned).get()).value;
    await client.api(`${assigned}/${policy.id}/$ref`).delete();
    const all = (await client.api("/policies/appManagementPolicies").get()).value;
    const read = await client.api(its).get();
    await client.api(its).delete();
    await client.api(`/applications/${application.id}`).delete();
    return { listed: listed.length, all: all.length, description: read.description };
  },
  async federated(name) {
    const application = await client.api("/applications").post({ displayName: name });
    const list = `/applications/${application.id}/federatedIdentityCredentials`;
    const issuer = "https://token.actions.githubusercontent.com";
    const body = { name: "main", issuer, subject: "repo:a/b:ref:refs/heads/main", audiences: ["api://AzureADTokenExchange"] };
    const made = await client.api(list).post(body);
    await client.api(`${list}/${made.id}`).patch({ description: "changed" });
    const read = await client.api(`${list}/${made.id}`).get();
    const listed = (await client.api(list).get()).value;
    await client.api(`${list}/${made.id}`).delete();
    await client.api(`/applications/${application.id}`).delete();
    return { description: read.description, listed: listed.length };
  },
  async logo(name, file) {
    const application = await client.api("/applications").post({ displayName: name });
    await client.api(`/applications/${application.id}/logo`).header("Content-Type", "image/png").put(readFileSync(file));
    const bytes = await client.api(`/applications/${application.id}/logo`).responseType("arraybuffer").get();
    await client.api(`/applications/${application.id}`).delete();
    return Buffer.from(bytes).equals(readFileSync(file));
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

for await (const line of createInterface({ input: process.stdin })) {
  const { login, task, given } = JSON.parse(line);
  try {
    logIn(login);
    console.log(JSON.stringify({ ended: true, found: await tasks[task](...given) }));
  } catch (error) {
    const told = { status: error.statusCode, code: error.code, requestId: error.requestId, text: String(error) };
    console.log(JSON.stringify({ ended: false, found: told }));
  }
}
