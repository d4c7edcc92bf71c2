"use strict";

const EVERY = 3000;
const LIMIT = 6000;
const STORES = { postgres: "PostgreSQL", redis: "Redis" };

/** What the three services are, as { state, reason } each. */
async function ask() {
  let response;
  try {
    response = await fetch("/api/health", { cache: "no-store", signal: AbortSignal.timeout(LIMIT) });
  } catch (error) {
    const why = error.name === "TimeoutError" ? `no answer within ${LIMIT / 1000} s` : "the web server does not answer";
    return backendIsDown(why);
  }
  // The backend says 503 when a store fails; the proxy's own errors are no JSON.
  const health = await response.json().catch(() => null);
  if (health === null || !("postgres" in health)) {
    return backendIsDown(`the proxy says ${response.status}`);
  }
  const verdicts = { backend: { state: "ok", reason: "" } };
  for (const store of Object.keys(STORES)) {
    const well = health[store] === "ok";
    verdicts[store] = { state: well ? "ok" : "failing", reason: well ? "" : health[store] };
  }
  return verdicts;
}

function backendIsDown(reason) {
  const verdicts = { backend: { state: "failing", reason } };
  for (const store of Object.keys(STORES)) {
    verdicts[store] = { state: "unknown", reason: "only the backend can tell" };
  }
  return verdicts;
}

function show(verdicts) {
  for (const [id, { state, reason }] of Object.entries(verdicts)) {
    const card = document.getElementById(id);
    card.dataset.state = state;
    card.querySelector(".verdict").textContent = state;
    card.querySelector(".reason").textContent = reason;
  }
  const failing = Object.keys(verdicts).filter((id) => verdicts[id].state === "failing");
  const summary = document.getElementById("summary");
  const text = failing.length === 0
    ? "All services are up"
    : `Failing: ${failing.map((id) => STORES[id] ?? "Backend").join(", ")}`;
  summary.dataset.state = failing.length === 0 ? "ok" : "failing";
  // Only when it changes: a screen reader speaks it each time it is set.
  if (summary.textContent !== text) summary.textContent = text;
  document.getElementById("checked").textContent =
    `Checked at ${new Date().toLocaleTimeString()}, every ${EVERY / 1000} seconds.`;
}

/** The ports are this machine's, which the page only knows from its container. */
async function showAddresses() {
  const ports = await (await fetch("/config.json", { cache: "no-store" })).json();
  const host = location.hostname;
  const backend = `http://${host}:${ports.backendPort}`;
  const addresses = { backend, postgres: `${host}:${ports.postgresPort}`, redis: `${host}:${ports.redisPort}` };
  for (const [id, address] of Object.entries(addresses)) {
    document.querySelector(`#${id} .address`).textContent = address;
  }
  for (const link of document.querySelectorAll("[data-path]")) {
    link.href = backend + link.dataset.path;
  }
}

async function loop() {
  // A page in the background asks nobody.
  if (!document.hidden) show(await ask());
  setTimeout(loop, EVERY);
}

showAddresses();
loop();
