/** What is called because a setting names it goes where that setting says, and to no address inside that nobody listed. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../flows/server.ts';
import type { Stage } from '../provider/harness.ts';
import {
  authorizationUrl,
  basic,
  CALLBACK,
  client,
  codeOf,
  logIn,
  openStage,
  VERIFIER,
} from '../provider/harness.ts';
import { Browser, field } from '../support/browser.ts';

const asked: string[] = [];
/** Everything that is asked here is inside; `/away` sends on to it. */
const inside = createServer((req, res) => {
  asked.push(req.url ?? '');
  if (req.url === '/away') res.writeHead(302, { location: `http://127.0.0.1:${portOf()}/metadata` }).end();
  else res.writeHead(200).end();
});
const portOf = () => (inside.address() as AddressInfo).port;

/** Ways to write an address inside (RFC 6890; WHATWG URL section 3.5: parsers take all of them for 127.0.0.1). */
const CLOTHES = {
  decimal: '2130706433',
  octal: '0177.0.0.1',
  hex: '0x7f.1',
  everywhere: '0.0.0.0',
  'loopback-6': '[::1]',
  'four-in-six': '[::ffff:127.0.0.1]',
  metadata: '169.254.169.254',
  'ten-net': '10.0.0.1',
  name: 'localhost',
};

let stage: Stage;
beforeAll(async () => {
  await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${portOf()}`;
  const at = (clientId: string, uri: string) => client({ clientId, backchannelLogoutUri: uri });
  stage = await openStage({
    clients: [
      client({ clientId: 'first' }),
      at('away', `${origin}/away`),
      ...Object.entries(CLOTHES).map(([name, host]) => at(name, `http://${host}:${portOf()}/${name}`)),
    ],
    // The very address of the receiver, so that its redirect leads to an origin that is let through.
    settings: { acceptedOrigins: [origin] },
  });
});
afterAll(async () => {
  await stage?.close();
  inside.close();
});

/** Logs in at each client in one browser, and out again. */
async function inAndOut(...clientIds: string[]): Promise<void> {
  const browser = new Browser();
  for (const [i, client_id] of clientIds.entries()) {
    const end =
      i === 0
        ? await logIn(stage, browser, { params: { client_id } })
        : await browser.follow(authorizationUrl(stage, { client_id }), CALLBACK);
    await browser.visit(`${stage.issuer}/token`, {
      form: {
        grant_type: 'authorization_code',
        code: codeOf(end.location),
        redirect_uri: CALLBACK,
        code_verifier: VERIFIER,
      },
      headers: basic(client_id),
    });
  }
  const page = await browser.visit(`${stage.issuer}/session/end`, { headers: { accept: 'text/html' } });
  await browser.visit(`${stage.issuer}/session/end/confirm`, {
    form: { xsrf: field(page.body, 'xsrf')!, logout: 'yes' },
  });
}

test('an address inside is not called, however it is written', async () => {
  const names = Object.keys(CLOTHES);
  // A decimal or octal address is 127.0.0.1 once it is parsed, and then it is the listed origin: these are asked.
  const listed = names.filter(
    (name) => new URL(`http://${CLOTHES[name as keyof typeof CLOTHES]}`).hostname === '127.0.0.1',
  );
  expect(listed).toEqual(['decimal', 'octal', 'hex']);
  await inAndOut('first', ...names.filter((name) => !listed.includes(name)));
  await until(async () => stage.told.length === names.length - listed.length);
  expect(asked).toEqual([]);
  for (const { result } of stage.told) expect(['dead', 'failed']).toContain(result);
});

test('a redirect is not followed, not even from a listed origin to itself', async () => {
  stage.told.length = 0;
  await inAndOut('first', 'away');
  await until(async () => stage.told.length === 1);
  expect(asked).toEqual(['/away']);
  expect(stage.told[0]).toMatchObject({ name: 'away', result: 'failed', code: 'status_302' });
});
