// A program that reads calendars, and its test: eval "$(orgcal-emulator start --seed ../seed.yaml)" && npm test
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, test } from "node:test";
import { EnvironmentCredential } from "@azure/identity";

async function calendarsByUser(graph) {
  const credential = new EnvironmentCredential({ disableInstanceDiscovery: graph !== "https://graph.microsoft.com" });
  const { token } = await credential.getToken("https://graph.microsoft.com/.default");
  const get = (path) => fetch(`${graph}/v1.0${path}`, { headers: { Authorization: `Bearer ${token}` } });
  const users = (await (await get("/users?$select=id,userPrincipalName")).json()).value;
  const found = {};
  for (const user of users) {
    const answer = await get(`/users/${user.id}/calendars`);
    if (answer.ok) found[user.userPrincipalName] = (await answer.json()).value.map((each) => each.name);
  }
  return found;
}

const { control } = JSON.parse(readFileSync(process.env.ORGCAL_EMULATOR_FILE, "utf8"));
const headers = { Authorization: `Bearer ${readFileSync(control.token_file, "utf8")}` };

// Each test finds what the seed says, and nothing else.
beforeEach(() => fetch(`${control.url}/reset`, { method: "POST", headers }));

test("users without a mailbox are left out", async () => {
  const found = await calendarsByUser(process.env.ORGCAL_EMULATOR_URL);
  assert.equal(Object.keys(found).length, 17); // of 20, three of them without a mailbox
  assert.ok(Object.values(found).every((names) => names.includes("Calendar")));
});

test("a user whose calendars cannot be read is left out", async () => {
  const fault = { path: "/v1.0/users/.*/calendars", status: 500 };
  await fetch(`${control.url}/faults`, { method: "POST", headers, body: JSON.stringify(fault) });
  assert.equal(Object.keys(await calendarsByUser(process.env.ORGCAL_EMULATOR_URL)).length, 16);
});
