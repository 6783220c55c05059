// Drives the join page in a real browser, by commands of one line of JSON each on stdin. Says what the
// page shows; never a token. The browser knows no host but this machine: instead of Chime's signaling
// there is a WebSocket that says nothing, or that the meeting has ended. A meeting whose SignalingUrl
// is that of `signaling` has a server that does either, as a test decides.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import { WebSocketServer } from 'ws';

const [executablePath, view] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await chromium.launch({
  executablePath,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  ],
});
/** The meeting has ended: the close code that the service gives, by the client's JoinAndReceiveIndexTask. */
const MEETING_ENDED = 4410;

/** The signaling of meetings: it takes what the client says, and answers nothing. */
const signaling = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: ([first]) => first });
await new Promise((listening) => signaling.once('listening', listening));
/** By the path of a SignalingUrl, the connections of clients that have said something. */
const connected = new Map();
signaling.on('connection', (socket, request) => {
  const { pathname } = new URL(request.url, 'ws://127.0.0.1');
  socket.once('message', () => connected.set(pathname, [...(connected.get(pathname) ?? []), socket]));
});
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

let context;
let page;
let seen;

const commands = {
  async open({ url, width = 1280, dark = false, ended = false, permissions = [], strict = false }) {
    await context?.close();
    context = await browser.newContext({
      viewport: { width, height: 800 },
      colorScheme: dark ? 'dark' : 'light',
      locale: 'en-GB',
      timezoneId: 'Europe/Berlin',
      // axe is a script that the page's policy doesn't let in.
      bypassCSP: !strict,
      permissions,
    });
    context.setDefaultTimeout(120_000);
    page = await context.newPage();
    seen = { answers: {}, errors: [] };
    page.on('pageerror', (error) => seen.errors.push(error.message));
    page.on('response', (response) => {
      const { hostname, pathname } = new URL(response.url());
      if (hostname === '127.0.0.1') {
        seen.answers[pathname] = response.status();
      }
    });
    await page.clock.install();
    await page.routeWebSocket(/chime\.aws/, (socket) => {
      // The client sends its JOIN first.
      socket.onMessage(() => ended && socket.close({ code: MEETING_ENDED }));
    });
    await page.goto(url);
    if (await page.locator('body[data-state]').count()) {
      await page.waitForSelector('body:not([data-state=loading])');
    }
  },
  click: ({ name }) => page.getByRole('button', { name, exact: true }).click(),
  wait: ({ state }) => page.waitForSelector(`body[data-state=${state}]`),
  pass: ({ seconds }) => page.clock.runFor(seconds * 1000),
  /** Where meetings have their signaling. */
  signaling: () => `ws://127.0.0.1:${signaling.address().port}`,
  /** Wait until a client has joined; whether there is one. */
  async joined({ path, patience = 120 }) {
    for (let waits = 0; !connected.has(path) && waits < patience * 20; waits += 1) {
      await pause(50);
    }
    return connected.has(path);
  },
  /** Close the connections of a path, as the service does. */
  hangUp({ path, code }) {
    connected.get(path).forEach((socket) => socket.close(code));
    connected.delete(path);
  },
  press: ({ key }) => page.keyboard.press(key),
  evaluate: ({ script }) => page.evaluate(script),
  /** Show a state, and tiles, by the page's own view. */
  async render({ state, facts, tiles = [], devices = [] }) {
    const source = readFileSync(view, 'utf8').replace(/^export /gm, '');
    const calls = [
      `show(${JSON.stringify(state)}, ${JSON.stringify(facts)});`,
      ...tiles.map((name, id) => `tile(${id}, ${JSON.stringify(name)});`),
      ...devices.map((each) => `offer(${JSON.stringify(each.id)}, ${JSON.stringify(each.found)});`),
      `document.querySelector('#devices').open = ${devices.length > 0};`,
    ];
    await page.evaluate(`(() => { ${source}\n${calls.join('\n')} })()`);
  },
  async look({ screenshot }) {
    if (screenshot) {
      await page.screenshot({ path: screenshot, fullPage: true });
    }
    await page.evaluate(axe);
    const violations = await page.evaluate(async () => (await globalThis.axe.run()).violations);
    return {
      ...seen,
      state: await page.locator('body').getAttribute('data-state'),
      text: await page.locator('body').innerText(),
      title: await page.title(),
      shown: await page.locator('[data-shows]').evaluateAll((places) =>
        Object.fromEntries(places.map((place) => [place.dataset.shows, place.textContent])),
      ),
      overflows: await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth),
      violations: violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 120)}`),
      background: await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...options } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: (await commands[name](options)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
signaling.clients.forEach((socket) => socket.terminate());
signaling.close();
await browser.close();
