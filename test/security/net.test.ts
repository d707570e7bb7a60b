/** The net catches what is planted, whatever comes first, and leaves alone what only looks like much. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { isForPeople, learnHandedOut } from './answers.ts';
import { judge, leakIn, tooLittle } from './canary-grep.ts';
import { digestOf, Net } from './net.ts';
import { keepCatch } from './net-catch.ts';

// Made here, so that this file holds nothing that the net around it would catch.
const TOKEN = ['Zk3', 'vQ9_x7', 'Lm2-Rt8Wd4', 'Yb6Hn1'].join('');
const CANARY = ['can', 'ary'].join('');
const BCRYPT = ['$2', 'b$10$', 'mbpirexTCjzaI/Wp3aplPezGtjUfBlxJBfLQxW4rEq2aJGLO5KgNW'].join('');

describe('the net', () => {
  test('catches a token in a log line, learnt before or after it was written', () => {
    for (const isFirst of [true, false]) {
      const net = new Net();
      if (isFirst) net.learn('a session', TOKEN);
      net.see('log', `{"level":30,"where":"/auth?code=${TOKEN}&x=1"}`);
      if (!isFirst) net.learn('a session', TOKEN);
      expect(net.hits()).toEqual([
        { what: 'a session', place: 'log', before: '{"level":30,"where":"/auth?code=' },
      ]);
    }
  });

  test.each([
    ['within an address within an address', `next=%2Fauth%3Fcode%3D${TOKEN}%26x`],
    ['within one more', `next=%252Fauth%253Fcode%253D${TOKEN}`],
    ['between quotation marks', `"${TOKEN}"`],
    ['at the end', `Bearer ${TOKEN}`],
  ])('finds a token %s', (_where, text) => {
    const net = new Net();
    net.learn('a token', TOKEN);
    net.see('answer of /x', text);
    expect(net.hits()).toHaveLength(1);
  });

  test.each([
    ['a password with blanks', 'anna crosses the bridge', 'wrong: anna crosses the bridge!'],
    ['the password of a URL', 'postgres://us:Kx82jQp1LmZ0vT9aa@db/x', 'password Kx82jQp1LmZ0vT9aa refused'],
    ['the signature of a token', `eyJhbGciOi.eyJzdWIiOi.${TOKEN}`, `….${TOKEN}`],
    ['the digest of a hash', `$6$rounds=5000$salt$${TOKEN}`, `hash ${TOKEN}`],
  ])('knows %s again', (_what, secret, text) => {
    const net = new Net();
    net.learn('it', secret);
    net.see('answer of /x', text);
    expect(net.hits()).toHaveLength(1);
  });

  test.each([
    ['a canary', `${CANARY}-password`],
    ['a bcrypt hash', BCRYPT],
    ['an Argon2 hash', ['$argon2', 'id$v=19$m=64,t=1,p=1$abc$def'].join('')],
    ['a private key', ['-----BEGIN ', 'PRIVATE KEY-----\n'].join('')],
    ['a seed', ['otpauth', '://totp/x?secret=JBSWY3DP'].join('')],
    ['a signed token', ['eyJ', `hbGciOiJSUzI1.eyJzdWIiOiJzaG9w.${TOKEN}`].join('')],
    ['a password in a URL', ['postgres', '://reader:hunter2@db/shop'].join('')],
  ])('knows %s by its looks, whoever made it', (what, text) => {
    const net = new Net();
    net.see('log', `before ${text} after`);
    expect(net.hits().map((hit) => hit.what)).toEqual([what]);
    expect(leakIn('test-output/a.txt', text, new Set()).map((found) => found.what)).toEqual(
      what === 'a canary' ? [] : [what],
    );
  });

  test.each(['fbcp1', 'fbh1'])(
    'knows a token %s in a log and in a table, and lets its page show it',
    (kind) => {
      const net = new Net();
      const text = `${kind}.${TOKEN.repeat(2).slice(0, 43)}`;
      net.see('answer of /admin/claim/issue', text);
      expect(net.hits()).toEqual([]);
      net.see('log', text);
      net.see('table of claim_tokens', text);
      expect(net.hits().map(({ place }) => place)).toEqual(['log', 'table of claim_tokens']);
    },
  );

  test('never tells the secret itself', () => {
    const net = new Net();
    net.learn('a password', 'anna crosses the bridge');
    net.learn('a token', TOKEN);
    net.see('answer of /x', `x ${TOKEN} anna crosses the bridge ${BCRYPT}`);
    expect(net.hits()).toHaveLength(3);
    const told = JSON.stringify(net.hits().map(({ what, place }) => [what, place]));
    for (const secret of [TOKEN, 'crosses', BCRYPT]) expect(told).not.toContain(secret);
    expect(net.digests()).toEqual([digestOf(TOKEN)]);
  });

  test('leaves alone words, short values and tokens that nobody was given', () => {
    const net = new Net();
    for (const word of ['password', 'wrong', 'aaaaaaaaaaaaaaa', '127.0.0.1']) net.learn('a word', word);
    net.see('answer of /x', `password wrong aaaaaaaaaaaaaaa 127.0.0.1 ${TOKEN}`);
    expect(net.hits()).toEqual([]);
  });
});

describe('answers', () => {
  const ours = {
    'content-security-policy': "default-src 'none'; base-uri 'none'",
    'cross-origin-opener-policy': 'same-origin',
    'content-type': 'text/html',
  };

  test('that people read are looked at; stand-ins’, tokens’, redirects’ and posted codes are not', () => {
    const page = { status: 200, path: '/login/x', headers: ours, body: '<p>Hello' };
    expect(isForPeople(page)).toBe(true);
    expect(
      isForPeople({ ...page, status: 503, headers: { ...ours, 'content-type': 'application/problem+json' } }),
    ).toBe(true);
    const figures = { 'x-content-type-options': 'nosniff', 'content-type': 'text/plain; version=0.0.4' };
    expect(isForPeople({ ...page, headers: figures })).toBe(true);
    expect(isForPeople({ ...page, headers: { 'content-type': 'text/html' } })).toBe(false);
    const { 'cross-origin-opener-policy': _none, ...demo } = ours;
    expect(isForPeople({ ...page, headers: { ...demo, 'x-content-type-options': 'nosniff' } })).toBe(false);
    expect(isForPeople({ ...page, headers: { ...ours, 'content-type': 'application/json' } })).toBe(false);
    expect(isForPeople({ ...page, status: 303 })).toBe(false);
    const post =
      '<form method="post" action="https://app.example/cb"><input type="hidden" name="code" value="c"/></form>';
    expect(isForPeople({ ...page, body: post })).toBe(false);
  });

  test('teach what they hand out', () => {
    const net = new Net();
    const handed = {
      status: 200,
      path: '/token',
      headers: {
        'content-type': 'application/json',
        'set-cookie': [`__Host-fb_session=${TOKEN}1; Path=/`, `fb_login=${TOKEN}2; Path=/login`],
        location: `https://app.example/cb?code=${TOKEN}3`,
      },
      body: `{"access_token":"${TOKEN}4","scope":"${TOKEN}5"}`,
    };
    learnHandedOut(net, handed);
    for (const last of [1, 2, 3, 4, 5]) net.see(`table of ${last}`, `${TOKEN}${last}`);
    expect(net.hits().map(({ place }) => place)).toEqual(['table of 1', 'table of 3', 'table of 4']);
  });
});

describe('the grep after the tests', () => {
  const root = mkdtempSync(join(tmpdir(), 'footbridge-net-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const write = (file: string, text: string) => {
    mkdirSync(join(root, file, '..'), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  const texts = { log: 100, answer: 6_000, table: 600 };
  const seen = { texts, bytes: 1, secrets: 2_000, digests: [digestOf(TOKEN)] };

  test('fails for a planted hit, a planted file and a token in what a test left behind, and is clean without', () => {
    for (let i = 0; i < 120; i++) {
      write(`test/${i}.test.ts`, '');
      keepCatch(root, join(root, `test/${i}.test.ts`), { ...seen, hits: [] });
    }
    write('docs/page.md', 'nothing');
    write('test-output/report.json', '{}');
    expect(judge(root)).toMatchObject({ isClean: true });
    keepCatch(root, join(root, 'test/7.test.ts'), {
      ...seen,
      hits: [{ place: 'log', what: 'a cookie', before: 'x' }],
    });
    expect(judge(root).lines[0]).toBe('test/7.test.ts: a cookie is in a log, behind "x"');
    rmSync(join(root, 'test/7.test.ts'));
    write('docs/page.md', BCRYPT);
    write('test-output/report.json', `{"x":"${TOKEN}"}`);
    expect(judge(root)).toMatchObject({ isClean: false });
    expect(judge(root).lines.slice(0, 2)).toEqual([
      'docs/page.md: a bcrypt hash',
      'test-output/report.json: a token of the run',
    ]);
  });

  test('fails where there was no net', () => {
    const one = { file: 'a.test.ts', ...seen, hits: [] };
    const many = Array.from({ length: 200 }, () => one);
    expect(tooLittle(many)).toBeUndefined();
    expect(tooLittle([])).toContain('0 secrets in 0 lines of logs');
    expect(tooLittle([one])).toContain('1 files');
    for (const kind of ['log', 'answer', 'table'])
      expect(tooLittle(many.map((each) => ({ ...each, texts: { ...texts, [kind]: 0 } })))).toBeDefined();
    expect(tooLittle(many.map((each) => ({ ...each, secrets: 1 })))).toBeDefined();
  });
});
