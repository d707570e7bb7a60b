/** Ten thousand links are issued and mailed by nodes that are killed: nobody gets two, and no link is anywhere but in its mail. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';
import { afterEach, expect, test } from 'vitest';
import { findByText, listClaimTokens } from '../../../src/migration/claim-tokens/claim-tokens.ts';
import type { MailStage } from '../../mail/smtp-stage.ts';
import { openMailStage } from '../../mail/smtp-stage.ts';
import type { CampaignWorld } from '../../migration/claim-tokens/campaign-world.ts';
import { CAMPAIGN, emailOf, openCampaignWorld } from '../../migration/claim-tokens/campaign-world.ts';
import { execute } from '../../support/database.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import { seeded } from '../batch/batch-world.ts';
import type { MailingErrand } from './mailing-process.ts';

const PEOPLE = 10_000;
/** As many run beside one another: each sends one letter at a time. */
const NODES = 4;
/** Where some letter is when a node dies, its own or another's: not sent yet, sent and not answered, or answered just now. */
const MOMENTS = ['addressed', 'taken', 'answered', 'addressed', 'taken', 'answered'] as const;
type Moment = (typeof MOMENTS)[number];

let stage: MailStage;
let database: TestDatabase;
let world: CampaignWorld | undefined;
const nodes = new Set<ChildProcess>();
/** All that any node has said. */
let said = '';

afterEach(async () => {
  for (const node of nodes) node.kill('SIGKILL');
  await world?.close();
  await stage.stop();
  await database.drop();
});

/** One that is ready to begin. */
async function node(errand: MailingErrand) {
  const path = new URL('mailing-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [path, JSON.stringify(errand)], { stdio: ['pipe', 'pipe', 'pipe'] });
  nodes.add(child);
  const ended = once(child, 'close').then(([code]) => {
    nodes.delete(child);
    return code as number | null;
  });
  const ready = Promise.withResolvers<void>();
  child.stdout.on('data', (text) => {
    said += text;
    ready.resolve();
  });
  child.stderr.on('data', (text) => {
    said += text;
  });
  await Promise.race([ready.promise, ended]);
  return {
    ended,
    go: () => void child.stdin.write('go\n'),
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
type Node = Awaited<ReturnType<typeof node>>;

interface Greeting {
  connections: Set<{ connectionReady(): void }>;
  connect(socket: unknown, options: unknown): void;
}

/** smtp-server has each client wait a tenth of a second, for those who talk too soon. Ours never do, and there are many. */
function greetAtOnce(): void {
  const server = SMTPServer.prototype as unknown as Greeting;
  const { connect } = server;
  server.connect = function connectAtOnce(this: Greeting, socket, options) {
    connect.call(this, socket, options);
    const made = [...this.connections].at(-1)!;
    const ready = made.connectionReady.bind(made);
    made.connectionReady = () => undefined;
    ready();
  };
}

const sql = (text: string) => execute(database.url, text);
const TOKEN = /\/claim\/(fbcp1\.[A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])/;
/** Without the line ends that quoted-printable (RFC 2045 section 6.7) puts into it. */
const tokenIn = (raw: string) => TOKEN.exec(raw.replaceAll('=\r\n', ''))?.[1] ?? '';

/** Every row of every table, as text. */
async function everyRow(): Promise<string> {
  const tables = await sql(`select quote_ident(relname) as name from pg_class
    where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace`);
  const texts = await Promise.all(tables.map(({ name }) => sql(`select t::text from ${name} t`)));
  return texts.flatMap((rows) => rows.map(({ t }) => t)).join('\n');
}

/** Those of the tokens whose secret stands in a text, written as it is or in hexadecimal. */
function seenIn(text: string, tokens: readonly string[]): string[] {
  const secrets = tokens.map((token) => token.slice(token.indexOf('.') + 1));
  const known = new Map<string, string>();
  for (const [i, secret] of secrets.entries()) {
    known.set(secret, tokens[i]!);
    known.set(Buffer.from(secret, 'base64url').toString('hex'), tokens[i]!);
  }
  const seen: string[] = [];
  for (const [run] of text.matchAll(/[A-Za-z0-9_-]{43,}/g))
    for (const length of [43, 64])
      for (let at = 0; at + length <= run.length; at += 1) {
        const token = known.get(run.slice(at, at + length));
        if (token) seen.push(token);
      }
  return seen;
}

const seed = Number(process.env.FOOTBRIDGE_SEED ?? 20_261_122);

test(`${PEOPLE.toLocaleString('en')} links are mailed by nodes of which ${MOMENTS.length} are killed: one each, and of who may have got none it is said (FOOTBRIDGE_SEED=${seed})`, async () => {
  database = await testDatabase();
  const random = seeded(seed);
  const share = PEOPLE / (MOMENTS.length + 1);
  const deaths = MOMENTS.map((moment, i) => ({ moment, at: Math.floor((i + 0.2 + 0.8 * random()) * share) }));
  const running: Node[] = [];
  let next: Promise<Node>;
  let killed = 0;
  const die = async (moment: Moment) => {
    const death = deaths[killed];
    if (!death || death.moment !== moment || stage.mails.length < death.at) return;
    killed += 1;
    const [victim] = running.splice(Math.floor(random() * running.length), 1);
    await victim?.kill();
    const other = await next;
    running.push(other);
    other.go();
    next = node(errand);
  };
  greetAtOnce();
  stage = await openMailStage({
    onRcptTo: (_address, _session, callback) => void die('addressed').then(() => callback()),
  });
  stage.onMail = async () => {
    // It is taken all the same, and its sender may not hear of it.
    await die('taken');
    setImmediate(() => void die('answered'));
  };
  const errand: MailingErrand = {
    ...{ databaseUrl: database.url, smtpPort: stage.port, people: PEOPLE },
    masterKey: randomBytes(32).toString('base64'),
  };
  const first = await Promise.all(Array.from({ length: NODES }, () => node(errand)));
  next = node(errand);
  running.push(...first);
  for (const one of first) one.go();
  while (running.length > 0) await running.shift()?.ended;
  expect(killed).toBe(MOMENTS.length);
  // As when they have been dead for ten minutes.
  await sql(`update mailings set leased_until = now() - interval '1 second' where leased_until > now()`);
  const last = await next;
  last.go();
  expect(await last.ended).toBe(0);

  const got = new Map<string, string[]>();
  for (const { to, raw } of stage.mails) got.set(to[0]!, [...(got.get(to[0]!) ?? []), tokenIn(raw)]);
  world = openCampaignWorld(errand);
  const subs = world.add(PEOPLE);
  const rows = await sql('select sub, state, problem from mailings order by sub');
  const unsure = rows.filter(({ state }) => state === 'unsure').map(({ sub }) => String(sub));
  expect(rows.filter(({ state }) => state === 'sent')).toHaveLength(PEOPLE - unsure.length);
  expect(unsure.length).toBeLessThanOrEqual(MOMENTS.length);
  expect(subs.filter((sub) => (got.get(emailOf(sub)) ?? []).length > 1)).toEqual([]);
  const without = subs.filter((sub) => !got.has(emailOf(sub)));
  expect(unsure).toEqual(expect.arrayContaining(without));

  const { db } = world;
  for (let from = 0; from < PEOPLE; from += 500)
    await Promise.all(
      subs.slice(from, from + 500).map(async (sub) => {
        const [text] = got.get(emailOf(sub)) ?? [];
        if (text === undefined) return;
        expect(await findByText(db, text)).toMatchObject({ sub, target: 'main', campaign: CAMPAIGN });
      }),
    );
  const issued = await listClaimTokens(db, { campaign: CAMPAIGN }, 2 * PEOPLE);
  expect(issued.length).toBeGreaterThanOrEqual(stage.mails.length);
  expect(new Set(issued.map(({ sub }) => sub)).size).toBe(PEOPLE);

  const tokens = [...got.values()].flat();
  expect(
    seenIn(`${tokens[0]} ${Buffer.from(tokens[1]!.slice(6), 'base64url').toString('hex')}`, tokens),
  ).toHaveLength(2);
  expect(seenIn(await everyRow(), tokens)).toEqual([]);
  expect(seenIn(said, tokens)).toEqual([]);
  expect(said).toContain(`Campaign ${CAMPAIGN}`);
  expect(said).not.toMatch(/fbcp1\./);
}, 600_000);
