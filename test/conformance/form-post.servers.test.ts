/** OAuth 2.0 Form Post Response Mode in a real browser: the page posts itself under our Content-Security-Policy. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Stage } from '../provider/harness.ts';
import { ANNA, authorizationUrl, client, openStage } from '../provider/harness.ts';
import { requires } from '../support/requires.ts';

const needed = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');
/** Whatever HTML or script would make of it, it has to come back as it was. */
const STATE = `a"b'><script>document.title='run'</script>&amp;`;

describe.skipIf(needed.skip)(needed.name, () => {
  let stage: Stage;
  let browser: Browser;
  const posted: Record<string, string>[] = [];
  const complaints: string[] = [];
  const relyingParty = createServer(async (req: IncomingMessage, res: ServerResponse) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    if (req.method === 'POST') posted.push(Object.fromEntries(new URLSearchParams(body)));
    res.writeHead(200, { 'content-type': 'text/html' }).end(`<title>${req.method} received</title>`);
  });
  let callback: string;

  beforeAll(async () => {
    await new Promise<void>((resolve) => relyingParty.listen(0, '127.0.0.1', resolve));
    callback = `http://127.0.0.1:${(relyingParty.address() as AddressInfo).port}/cb`;
    stage = await openStage({ host: 'localhost', clients: [client({ redirectUris: [callback] })] });
    browser = await chromium.launch({ executablePath: needed.path!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
    relyingParty.closeAllConnections();
    relyingParty.close();
  });
  afterEach(() => {
    posted.length = 0;
    complaints.length = 0;
  });

  async function open(params: Record<string, string>, javaScriptEnabled = true): Promise<Page> {
    const page = await (await browser.newContext({ javaScriptEnabled })).newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' && !/favicon|status of [45]\d\d/.test(message.text()))
        complaints.push(message.text());
    });
    const all = { redirect_uri: callback, response_mode: 'form_post', state: STATE, ...params };
    await page.goto(authorizationUrl(stage, all));
    return page;
  }
  async function logIn(page: Page): Promise<void> {
    await page.fill('input[name=username]', ANNA.login);
    await page.fill('input[name=password]', ANNA.password);
    await page.click('button[type=submit]');
  }

  test('Form Post 2: the browser posts the code by itself, exactly as it is, and the policy holds nothing back', async () => {
    const page = await open({});
    await logIn(page);
    await page.waitForURL(callback);
    expect(await page.title()).toBe('POST received');
    expect(posted).toEqual([{ code: expect.any(String), state: STATE, iss: stage.issuer }]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('Form Post 2: an error is posted, too', async () => {
    const page = await open({ prompt: 'none' });
    await page.waitForURL(callback);
    expect(posted).toMatchObject([{ error: 'login_required', state: STATE }]);
    await page.context().close();
  });

  test('Form Post 2: without script there is a button that does it', async () => {
    const page = await open({}, false);
    await logIn(page);
    await page.click('button');
    await page.waitForURL(callback);
    expect(posted).toMatchObject([{ code: expect.any(String), state: STATE }]);
    await page.context().close();
  });

  test('OpenID Connect Core 3.1.2.1: a form of another site that posts the request finds the session', async () => {
    const page = await open({});
    await logIn(page);
    await page.waitForURL(callback);
    // The relying party's page: another site than localhost.
    const request = authorizationUrl(stage, { redirect_uri: callback, prompt: 'none', state: 's2' });
    await page.evaluate(`
      const form = document.createElement('form');
      Object.assign(form, { method: 'post', action: ${JSON.stringify(`${stage.issuer}/auth`)} });
      for (const [name, value] of ${JSON.stringify([...new URL(request).searchParams])})
        form.append(Object.assign(document.createElement('input'), { name, value }));
      document.body.append(form);
      form.submit();`);
    await page.waitForURL(`${callback}?*`);
    expect(new URL(page.url()).searchParams.get('state')).toBe('s2');
    expect(new URL(page.url()).searchParams.get('code')).toBeTruthy();
    await page.context().close();
  });
});
