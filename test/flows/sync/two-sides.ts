/** A shop whose people are kept equal with a target: what they type where, and what an operator sees of it. */
import { expect } from 'vitest';
import type { HashKindName } from '../../../example/demo/hash-kinds.ts';
import { HASH_KINDS, hashKind } from '../../../example/demo/hash-kinds.ts';
import type { Person } from '../../../example/demo/people.ts';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import { signBody } from '../../../src/migration/signature.ts';
import { Secret } from '../../../src/settings.ts';
import { Browser, field } from '../../support/browser.ts';
import { until } from '../server.ts';
import type { Written } from '../zitadel/command-line.ts';
import type { Settings } from '../zitadel/settings.ts';
import { applyToShop } from './shop.ts';

/** A town or a bridge, as far as this looks. */
export interface Sides {
  readonly issuer: string;
  readonly shop: { sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> };
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  cli(...args: string[]): Promise<Written>;
}

export const INTAKE_KEY = 'key-of-the-old-shop-0123456789';
const OLD_APP = {
  clientId: 'old-app',
  secret: 'secret-of-the-old-app-0123456789',
  redirectUris: ['http://old-app.example/callback'],
  pkce: 'optional',
};
const subOf = ({ id }: Pick<Person, 'id'>) => `shop:${id}`;

/** Keeps the shop and this target equal; `more` goes into its pair. */
export function keepEqual(settings: Settings, target: string, more: Settings = {}): void {
  Object.assign(settings.legacy.sql, applyToShop());
  settings.provider.clients.push(OLD_APP);
  settings.sync = {
    pairs: [{ target, gone: { graceSeconds: 0 }, sweepMinutes: 0, ...more }],
    intake: { hmacKeys: [{ id: 'shop', key: INTAKE_KEY }] },
  };
}

export type LoggedIn = 'in' | 'wrong' | 'locked' | 'away' | 'asked for a code' | `status ${number}`;

const ANSWERS: Readonly<Record<number, LoggedIn>> = { 401: 'wrong', 403: 'locked', 503: 'away' };

export type TwoSides = ReturnType<typeof twoSides>;

export function twoSides(sides: Sides, target: string) {
  const { issuer, shop } = sides;
  const told = async <T>(...args: string[]): Promise<T> => {
    const { code, out, err } = await sides.cli(...args, '--json');
    if (code !== 0 && out === '') throw new Error(`${args.join(' ')}: ${code} ${err}`);
    return JSON.parse(out) as T;
  };
  const count = async (of: Pick<Sides, 'sql'>, text: string) =>
    Number((await of.sql(`select count(*)::int as count from ${text}`))[0]?.count);
  const two = {
    told,
    /** Everybody of the shop who is not there yet, in one batch. */
    async move(name: string): Promise<void> {
      await told('batch', 'plan', '--target', target, '--name', name, '--sample', '0', '--execute');
      await told('batch', 'run', name, '--execute');
    },
    /** As an operator does it, until everybody has been compared once. */
    async begin(): Promise<void> {
      const installed = await sides.cli('sync', 'install', '--execute');
      expect(installed).toMatchObject({ code: 0 });
      const started = await sides.cli('sync', 'start', '--target', target, '--execute');
      expect(started).toMatchObject({ code: 0 });
      await until(async () => (await two.pairState()) === 'running', 60_000);
      await two.quiet();
    },
    async pairState(): Promise<string> {
      const [row] = await sides.sql('select state from sync_pairs where target = $1', [target]);
      return String(row?.state);
    },
    /** Nobody has anything to be done, and nothing waits that was heard. */
    async isQuiet(): Promise<boolean> {
      const waiting = [
        await count(shop, 'footbridge_changes'),
        await count(sides, 'target_events where done_at is null'),
        await count(sides, 'sync_turns where died_at is null'),
        await count(sides, 'sync_passwords where due_at is not null'),
      ];
      return waiting.every((one) => one === 0);
    },
    quiet: () => until(two.isQuiet, 60_000),
    dead: () => sides.sql('select person, problem from sync_turns where died_at is not null'),
    /** What the operator is told of their password. */
    async password(person: Pick<Person, 'id'>) {
      const { password } = await told<{ password: { state: string; problem: string | null } | null }>(
        ...['sync', 'user', subOf(person), '--target', target],
      );
      return password && { state: password.state, problem: password.problem };
    },
    async row(person: Pick<Person, 'id'>) {
      const [row] = await sides.sql(
        'select state, target_user_id as "targetUserId" from ledger where target = $1 and sub = $2',
        [target, subOf(person)],
      );
      return row as { readonly state: string; readonly targetUserId: string | null } | undefined;
    },
    async at<T = unknown>({ id }: Pick<Person, 'id'>, column: string): Promise<T> {
      const [row] = await shop.sql(`select ${column} as value from customers where id = $1`, [id]);
      return row?.value as T;
    },
    /** The shop changes something of its own; `now` is its clock. */
    edit: ({ id }: Pick<Person, 'id'>, column: string, value: unknown) =>
      shop.sql(`update customers set ${column} = $2, changed_at = now() where id = $1`, [id, value]),
    /** The shop's own page for a new password. */
    async chooseAtShop({ id }: Pick<Person, 'id'>, password: string, kind: HashKindName = 'bcrypt') {
      const { pw, salt = null } = await HASH_KINDS[kind].make(password);
      await shop.sql(
        'update customers set pw = $2, pw_kind = $3, salt = $4, changed_at = now() where id = $1',
        [id, pw, kind, salt],
      );
    },
    /** The shop's own login, which asks nobody. */
    async opensAtShop({ id }: Pick<Person, 'id'>, password: string): Promise<boolean> {
      const [row] = await shop.sql('select pw, pw_kind, salt from customers where id = $1', [id]);
      const kind = hashKind(String(row?.pw_kind));
      const stored = { pw: String(row?.pw), ...(row?.salt ? { salt: String(row.salt) } : {}) };
      return (await kind?.matches(password, stored)) ?? false;
    },
    /** At our login page, for an app that has nothing to do with the target. */
    async logIn({ login, otpSeed }: Person, password: string): Promise<LoggedIn> {
      const browser = new Browser();
      const url = new URL(`${issuer}/auth`);
      const [callback] = OLD_APP.redirectUris as [string];
      const query = {
        client_id: OLD_APP.clientId,
        redirect_uri: callback,
        response_type: 'code',
        scope: 'openid',
        state: 's',
      };
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      const page = await browser.follow(url.href, callback);
      const submit = (at: { url: string; body: string }, form: Record<string, string>) =>
        browser.follow(at.url.split('?')[0]!, callback, {
          form: { form_token: field(at.body, 'form_token') ?? '', ...form },
        });
      let answer = await submit(page, { username: login, password });
      const step = answer.status === 200 ? field(answer.body, 'step') : undefined;
      if (step !== undefined) {
        if (!otpSeed) return 'asked for a code';
        answer = await submit(answer, { step, code: codeOfStep(otpSeed, stepAt(Date.now() / 1_000)) });
      }
      if (answer.location?.startsWith(callback)) return 'in';
      return ANSWERS[answer.status] ?? `status ${answer.status}`;
    },
    /** What a legacy app asks whose own comparison has failed; the status and the problem's code. */
    async check(who: object, password: string) {
      const { status, json } = await signed('/legacy/passwords/check', { ...who, password });
      return status === 200 ? { status } : { status, code: json.code };
    },
    /** What a legacy app tells of a change. */
    async tell(change: object): Promise<number> {
      return (await signed('/legacy/changes', { id: crypto.randomUUID(), ...change })).status;
    },
  };
  return two;

  /** No second call is the first one's replay. */
  async function signed(path: string, given: object) {
    const body = Buffer.from(JSON.stringify(given));
    const signature = signBody(new Secret(INTAKE_KEY), body, nextSecond());
    const answer = await fetch(issuer + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'footbridge-signature': signature },
      body,
    });
    return { status: answer.status, json: (await answer.json()) as { code?: string } };
  }
}

let second = 0;
/** Times that have not been signed yet, within what is taken. */
function nextSecond(): number {
  second = Math.max(second + 1, Math.floor(Date.now() / 1_000) - 200);
  return second;
}
