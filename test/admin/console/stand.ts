/** The console by itself: with a clock that can be turned, and operations that do as they are told. */
import { randomBytes } from 'node:crypto';
import Koa from 'koa';
import { z } from 'zod';
import { adminSettings } from '../../../src/admin/admin-settings.ts';
import type { Console } from '../../../src/admin/console/console-routes.ts';
import { openConsole } from '../../../src/admin/console/console-routes.ts';
import { invite } from '../../../src/admin/console/invitations.ts';
import type { ConsolePage } from '../../../src/admin/console/page.ts';
import { definePage } from '../../../src/admin/console/page.ts';
import { approvalsPage } from '../../../src/admin/console/pages/approvals.ts';
import { operationsPage } from '../../../src/admin/console/pages/operations.ts';
import type { Desk, Operation, Progress, Role } from '../../../src/admin/operation.ts';
import { defineOperation } from '../../../src/admin/operation.ts';
import { approvalGrant } from '../../../src/admin/operations/approval-grant.ts';
import { consoleInvite } from '../../../src/admin/operations/console-invite.ts';
import { consoleSessions } from '../../../src/admin/operations/console-sessions.ts';
import { consoleSignOut } from '../../../src/admin/operations/console-sign-out.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import { listen } from '../../../src/listener.ts';
import { openLog } from '../../../src/observability/log.ts';
import { Secret } from '../../../src/settings.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { Browser } from '../../support/browser.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { Operator } from './world.ts';
import { operatorAt } from './world.ts';

export interface StandOptions {
  readonly console?: object;
  readonly fourEyes?: boolean;
  readonly atOnceMs?: number;
}

/** What was really done, as the operations of the stand note it. */
export interface Deed {
  readonly operation: string;
  readonly actor: string;
  readonly input: unknown;
}

/** One that runs until the test says how it ends. */
export interface Waiting {
  readonly signal: AbortSignal | undefined;
  tell(progress: Progress): void;
  end(outcome: string): void;
}

export type Stand = Awaited<ReturnType<typeof openStand>>;

/** Long enough for what the stand's operations do, on a busy machine; what waits for the test is not waited for. */
const AT_ONCE_MS = 300;

export async function openStand(options: StandOptions = {}) {
  const { console: asked = {}, fourEyes = false, atOnceMs = AT_ONCE_MS } = options;
  const database = await testDatabase();
  const db = openDb({ url: database.url, poolSize: 10 });
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const clock = { ms: Date.now() };
  const deeds: Deed[] = [];
  const waiting: Waiting[] = [];
  const desk = {
    db,
    keyring,
    fourEyes,
    actor: 'operator:nobody',
    targets: {
      all: [
        { name: 'one', displayName: 'The One' },
        { name: 'two', displayName: 'The Two' },
      ],
    },
  } as unknown as Desk;
  const settings = adminSettings.parse({ console: asked }).console;
  const made: Console = openConsole({
    desk,
    settings,
    host: '127.0.0.1',
    log: openLog({ level: 'silent' }),
    now: () => new Date(clock.ms),
    atOnceMs,
    operations: operationsOf(deeds, waiting),
    pages: [approvalsPage, operationsPage, ...PAGES],
  });
  const app = new Koa();
  app.silent = true;
  app.use(made.middleware);
  const listener = await listen(app.callback(), { host: '127.0.0.1', port: 0 });
  const origin = `http://127.0.0.1:${listener.port}`;
  let people = 0;

  const stand = {
    origin,
    port: listener.port,
    db,
    keyring,
    clock,
    deeds,
    waiting,
    sql: (text: string, values?: unknown[]) => execute(database.url, text, values),
    async invited(
      role: Role,
      name: string = `${role}-${++people}`,
    ): Promise<{ name: string; token: string }> {
      const now = new Date(clock.ms);
      const { token } = await invite(db, { name, role }, { actor: 'operator:test', now });
      return { name, token };
    },
    redeem: (token: string, browser = new Browser(), headers: Record<string, string> = {}) =>
      browser.visit(`${origin}/admin/sign-in/invitation`, {
        form: { token },
        headers: { origin, ...headers },
      }),
    async signIn(role: Role, name?: string): Promise<Operator> {
      const { token, name: as } = await stand.invited(role, name);
      const browser = new Browser();
      const answer = await stand.redeem(token, browser);
      if (answer.status !== 303) throw new Error(`nobody was signed in: ${answer.status}`);
      return operatorAt(origin, { browser, name: as });
    },
    async close(): Promise<void> {
      await made.close();
      await listener.close(0);
      await db.close();
      await database.drop();
    },
  };
  return stand;
}

let looks = 0;
const PAGES: readonly ConsolePage[] = [
  definePage({
    path: 'things/:thing',
    title: 'A thing',
    load: async (_desk, { params, query, who }) => ({
      title: `The thing ${params.thing}`,
      template: 'error',
      data: { message: `${who.name} looks at ${query.get('target')}`, code: params.thing, isSignedIn: true },
    }),
  }),
  definePage({
    path: 'secrets',
    title: 'For admins',
    menu: { group: 'Record', order: 1 },
    role: 'admin',
    load: async () => ({ template: 'error', data: { message: 'seen', code: 'seen', isSignedIn: true } }),
  }),
  definePage({
    path: 'live',
    title: 'Under way',
    load: async (_desk, { now, query }) => ({
      template: 'do',
      data: {
        operation: { summary: `Looked at ${looks++} times`, changes: false },
        action: '/admin/do/thing/look',
        fields: [
          { name: 'name', label: 'Name', hint: now.toISOString(), kind: 'text', value: query.get('x') ?? '' },
        ],
        elsewhere: [{ name: 'out', hint: 'A file.' }],
        targets: [],
      },
      refreshSeconds: 1,
    }),
  }),
  definePage({
    path: 'broken',
    title: 'Broken',
    load: () => Promise.reject(new Error('CANARY of an error')),
  }),
  definePage({
    path: 'away',
    title: 'Away',
    load: () => Promise.reject(new FootbridgeError('legacy_unavailable', { detail: 'CANARY host' })),
  }),
];

function operationsOf(deeds: Deed[], waiting: Waiting[]): readonly Operation[] {
  const noted = (operation: string, desk: Desk, input: unknown) =>
    void deeds.push({ operation, actor: desk.actor, input });
  const waits = (changes: boolean, name: string) =>
    defineOperation({
      name,
      summary: 'Goes on until it is told to end.',
      input: z.strictObject({}),
      changes,
      ...(changes ? { interruptible: true as const } : {}),
      run: (desk, input, { execute: isExecuted, onProgress, signal }) => {
        if (changes && !isExecuted) return Promise.resolve({ ended: 'would wait' });
        const { promise, resolve, reject } = Promise.withResolvers<{ ended: string }>();
        const tell = (progress: Progress) => {
          try {
            onProgress?.(progress);
          } catch (error) {
            reject(error);
          }
        };
        waiting.push({ signal, tell, end: (ended) => resolve({ ended }) });
        noted(name, desk, input);
        return promise;
      },
      print: ({ ended }) => `It ended: ${ended}.`,
    });
  const changing = { summary: 'Changes a thing.', changes: true } as const;
  return [
    approvalGrant,
    consoleInvite,
    consoleSessions,
    consoleSignOut,
    defineOperation({
      name: 'thing look',
      summary: 'Looks at a thing.',
      input: z.strictObject({ name: z.string().min(1).describe('Which one.') }),
      changes: false,
      run: async (desk, input) => {
        noted('thing look', desk, input);
        return { saw: input.name };
      },
      print: ({ saw }) => `\u001b[1mSaw\u001b[22m ${saw}.`,
      page: ({ saw }) =>
        `<!doctype html><title>x</title><style>p{color:red}</style><p>${saw.length} characters</p>`,
      foundWrong: ({ saw }) => saw === 'wrong',
    }),
    defineOperation({
      ...changing,
      name: 'thing change',
      input: z.strictObject({
        name: z.string().min(1).describe('Which one.'),
        count: z.coerce.number().int().min(1).max(9).default(3).describe('How often.'),
        how: z.enum(['fast', 'slow']).optional().describe('How fast.'),
        loud: z.boolean().default(false).describe('With noise.'),
        careful: z.boolean().default(true).describe('With care.'),
        plan: z.string().max(60_000).optional().describe('All of it.'),
        out: z.string().optional().describe('Writes it to this file.'),
      }),
      run: async (desk, input, { execute: isExecuted }) => {
        if (isExecuted) noted('thing change', desk, input);
        return { executed: isExecuted, ...input };
      },
      print: ({ executed, name, count }) =>
        `${executed ? 'Changed' : 'Would change'} ${name} ${count} times.${executed ? '' : ' Nothing was changed: add --execute.'}`,
    }),
    defineOperation({
      ...changing,
      name: 'thing end',
      input: z.strictObject({ name: z.string().min(1).describe('Which one.') }),
      danger: true,
      run: async (desk, input, { execute: isExecuted }) => {
        if (isExecuted) noted('thing end', desk, input);
        return { executed: isExecuted, ...input };
      },
      print: ({ executed, name }) => `${executed ? 'Ended' : 'Would end'} ${name}.`,
    }),
    defineOperation({
      ...changing,
      name: 'thing rule',
      role: 'admin',
      input: z.strictObject({}),
      run: async () => ({}),
      print: () => 'Ruled.',
    }),
    defineOperation({
      name: 'thing fail',
      summary: 'Fails.',
      input: z.strictObject({ how: z.enum(['known', 'outage', 'bug']).describe('How.') }),
      changes: false,
      run: (_desk, { how }) => {
        if (how === 'bug') return Promise.reject(new Error('CANARY of a bug'));
        return Promise.reject(
          how === 'known'
            ? new FootbridgeError('batch_not_found', { detail: 'b-1 <b>bold</b>' })
            : new FootbridgeError('legacy_unavailable', { detail: 'CANARY of an outage' }),
        );
      },
      print: () => '',
    }),
    defineOperation({
      name: 'thing file',
      summary: 'Reads a file.',
      input: z.strictObject({ file: z.string().min(1).describe('The file that is read.') }),
      changes: false,
      run: async () => ({}),
      print: () => '',
    }),
    waits(false, 'thing read'),
    waits(true, 'thing wait'),
  ];
}
