// Opens a join link in a real browser, and says what the page made of it; never a token.
// The browser knows no host but this machine.
import { chromium } from 'playwright-core';

const [executablePath, link] = process.argv.slice(2);
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
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  ],
});
try {
  const page = await browser.newPage();
  const answers = {};
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('response', (response) => {
    const { hostname, pathname } = new URL(response.url());
    if (hostname === '127.0.0.1') {
      answers[pathname] = response.status();
    }
  });
  await page.goto(link);
  const button = page.getByRole('button', { name: /^(Join|Try again)$/ });
  if (await page.locator('#join').count()) {
    await button.waitFor();
  }
  const shown = await page.locator('[data-shows]').evaluateAll((places) =>
    Object.fromEntries(places.map((place) => [place.dataset.shows, place.textContent])),
  );
  const status = await page.locator('body').innerText();
  console.log(JSON.stringify({ answers, errors, shown, status, title: await page.title() }));
} finally {
  await browser.close();
}
