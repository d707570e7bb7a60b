/** What a node keeps of its own writes saves it a read, and never lets anybody in who would not be let in without it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recordKey } from '../../src/provider/record.ts';
import { Recent } from '../../src/provider/record-reader.ts';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './harness.ts';
import {
  ANNA,
  authorizationUrl,
  basic,
  CALLBACK,
  codeOf,
  logIn,
  openStage,
  redeem,
  submitLogin,
} from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

const sql = (text: string, values: unknown[] = []) => execute(stage.databaseUrl, text, values);
const refresh = (token: string) =>
  new Browser().visit(`${stage.issuer}/token`, {
    form: { grant_type: 'refresh_token', refresh_token: token },
    headers: basic(),
  });
async function refreshToken(): Promise<string> {
  const browser = new Browser();
  const url = authorizationUrl(stage, { scope: 'openid offline_access', prompt: 'consent' });
  const end = await submitLogin(browser, await browser.follow(url, CALLBACK), ANNA);
  return String((await redeem(stage, codeOf(end.location))).json().refresh_token);
}

describe('a code that this node has just given', () => {
  // As another node would do it: behind this one's back.
  test.each([
    ['consumed', "update oidc_records set consumed_at = now() where kind = 'AuthorizationCode'"],
    ['gone', "delete from oidc_records where kind = 'AuthorizationCode'"],
    ['expired', "update oidc_records set expires_at = now() where kind = 'AuthorizationCode'"],
    ['without its grant', "delete from oidc_records where kind = 'Grant'"],
    ['without its session', "delete from oidc_records where kind = 'Session'"],
  ])('and that is %s since, gives no token', async (_, behind) => {
    await sql('delete from oidc_records');
    const end = await logIn(stage, new Browser());
    await sql(behind);
    const answer = await redeem(stage, codeOf(end.location));
    expect([answer.status, answer.json().error]).toEqual([400, 'invalid_grant']);
    expect(await sql("select 1 from oidc_records where kind in ('AccessToken', 'RefreshToken')")).toEqual([]);
  });

  test('is redeemed although its session has another id by now', async () => {
    const end = await logIn(stage, new Browser());
    await sql("update oidc_records set id = sha256(id) where kind = 'Session'");
    expect((await redeem(stage, codeOf(end.location))).status).toBe(200);
  });
});

describe('a refresh token that this node knows', () => {
  test('is good, and nothing is read for it', async () => {
    const token = await refreshToken();
    stage.statements.length = 0;
    expect((await refresh(token)).status).toBe(200);
    expect(stage.statements).toHaveLength(1);
  });

  test.each(['RefreshToken', 'Grant'])('gives nothing once its %s is gone', async (kind) => {
    const token = await refreshToken();
    await sql('delete from oidc_records where kind = $1', [kind]);
    const answer = await refresh(token);
    expect([answer.status, answer.json().error]).toEqual([400, 'invalid_grant']);
    expect((await refresh(token)).status).toBe(400);
  });
});

describe('an access token that this node knows', () => {
  const me = (token: string) =>
    new Browser().visit(`${stage.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
  const introspect = async (token: string) =>
    (
      await new Browser().visit(`${stage.issuer}/token/introspection`, { form: { token }, headers: basic() })
    ).json();
  const accessToken = async () =>
    String((await redeem(stage, codeOf((await logIn(stage, new Browser())).location))).json().access_token);

  test.each([
    ['revoked', "delete from oidc_records where kind = 'AccessToken'"],
    ['expired', "update oidc_records set expires_at = now() where kind = 'AccessToken'"],
    ['without its grant', "delete from oidc_records where kind = 'Grant'"],
    ['without its session', "delete from oidc_records where kind = 'Session'"],
  ])('and that is %s since, opens nothing any more', async (_, behind) => {
    await sql('delete from oidc_records');
    const token = await accessToken();
    expect([(await me(token)).status, (await introspect(token)).active]).toEqual([200, true]);
    await sql(behind);
    expect([(await me(token)).status, (await introspect(token)).active]).toEqual([401, false]);
  });
});

describe('a session that this node knows', () => {
  test('and that has ended at another, asks for the password again', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    await sql("delete from oidc_records where kind in ('Session', 'Grant')");
    const page = await browser.follow(authorizationUrl(stage), CALLBACK);
    expect([page.status, page.body.includes('name="password"')]).toEqual([200, true]);
  });

  test('and whose grant is gone at another, gets a new one', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    await sql("delete from oidc_records where kind = 'Grant'");
    const end = await browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
    expect((await redeem(stage, codeOf(end.location))).status).toBe(200);
  });

  test('and that has another id by now, is not opened by the old one', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    await sql("update oidc_records set id = sha256(id) where kind = 'Session'");
    const end = await browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
    expect(end.location).toContain('error=login_required');
  });
});

describe('what is kept', () => {
  const record = (kind: string, id: string, more: object = {}) => ({
    id: recordKey(kind, id),
    kind,
    grantKey: null,
    uid: null,
    payload: {},
    consumedAt: null,
    ...more,
  });

  test('is nothing that serves once, nor anything that was consumed', () => {
    const recent = new Recent();
    recent.keep(record('ReplayDetection', 'a'));
    recent.keep(record('AuthorizationCode', 'c', { consumedAt: new Date() }));
    expect(recent.family(recordKey('ReplayDetection', 'a'))).toBeUndefined();
    expect(recent.family(recordKey('AuthorizationCode', 'c'))).toBeUndefined();
  });

  test('counts only together with its grant and its session', () => {
    const recent = new Recent();
    const grant = record('Grant', 'g');
    const code = record('AuthorizationCode', 'c', { grantKey: grant.id });
    recent.keep(code);
    expect(recent.family(code.id)).toBeUndefined();
    recent.keep(grant);
    expect(recent.family(code.id)).toEqual([code, grant]);
  });

  test('counts without its session where it is to outlive it', () => {
    const recent = new Recent();
    const uid = recordKey('uid', 'u');
    const bound = record('RefreshToken', 'b', { uid, payload: { expiresWithSession: true } });
    const free = record('RefreshToken', 'f', { uid });
    for (const one of [bound, free]) recent.keep(one);
    expect(recent.family(bound.id)).toBeUndefined();
    expect(recent.family(free.id)).toEqual([free]);
  });

  test('is bounded: the oldest go first', () => {
    const recent = new Recent();
    for (let i = 0; i < 8_100; i++) recent.keep(record('Grant', `g${i}`));
    expect(recent.family(recordKey('Grant', 'g0'))).toBeUndefined();
    expect(recent.family(recordKey('Grant', 'g8099'))).toHaveLength(1);
  });
});
